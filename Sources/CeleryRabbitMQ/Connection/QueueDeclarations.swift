internal import CeleryTransport
internal import DequeModule
internal import Logging

/// Declares queues on a channel of its own, so that a refusal closes nothing but that channel; one after the other, so
/// that it is clear whose a refusal is.
struct QueueDeclarations {
    static let channel: UInt16 = 2

    private var isChannelOpen = false
    /// The first one is under way.
    private var pending: Deque<QueueDeclaration> = []
    /// What the log has said of queues that are used as they are.
    private var noted: Set<String> = []

    /// Whether nothing is left to declare.
    var isEmpty: Bool { pending.isEmpty }

    /// The name of the queue that the server is asked for.
    var subject: String? { pending.first?.queue.name }

    /// A queue is to be declared; whether ``writeNext(_:now:)`` is to be called.
    mutating func add(_ queue: Queue) -> Bool {
        pending.append(QueueDeclaration(queue))
        return pending.count == 1
    }

    /// Asks the server for the next queue, if there is one.
    ///
    /// - Throws: why that cannot be written; it is the queue's answer.
    mutating func writeNext(_ link: inout LinkState, now: ContinuousClock.Instant) throws(TransportError) {
        guard let next = pending.first else { return }
        // Written as a whole or not at all.
        var declaration = WireWriter()
        let expected = try next.write(to: &declaration, channel: Self.channel)
        if !isChannelOpen {
            isChannelOpen = true
            link.output.channelOpen(Self.channel)
            link.expect([.channelOpenOK], channel: Self.channel, expected.isEmpty ? .declaration : nil, now: now)
        }
        link.output.bytes.append(contentsOf: declaration.bytes)
        link.expect(expected, channel: Self.channel, .declaration, now: now)
    }

    /// The queue that was asked for is there, or cannot be used.
    mutating func takeAnswered() -> QueueDeclaration? { pending.popFirst() }

    /// The server has closed the channel over the queue that was asked for.
    ///
    /// - Returns: why the queue cannot be used; `nil` when ``writeNext(_:now:)`` asks for it as it is.
    mutating func channelClosed(_ fault: ServerFault, _ link: inout LinkState) -> ServerFault? {
        isChannelOpen = false
        link.output.method(.channelCloseOK, channel: Self.channel)
        _ = link.takeAskers(on: Self.channel)
        return pending.isEmpty ? fault : pending[0].refused(fault)
    }

    /// What the log is to say of a queue that is used as it is; once for each difference.
    mutating func note(_ declaration: QueueDeclaration) -> [ConnectionAction] {
        guard let difference = declaration.difference, noted.insert("\(declaration.queue.name) \(difference)").inserted
        else { return [] }
        return [
            .log(
                .notice, "a queue is used as it is, not as it is configured",
                ["queue": "\(declaration.queue.name)", "reason": "\(difference)"])
        ]
    }

    /// Nobody waits any more.
    mutating func end() { pending.removeAll() }
}
