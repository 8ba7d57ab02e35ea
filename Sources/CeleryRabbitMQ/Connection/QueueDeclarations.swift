internal import CeleryTransport
internal import DequeModule

/// The queues that a producer declares before it sends to them, one after the other: a refusal closes the channel, and it
/// must be clear whose it was.
struct QueueDeclarations {
    private let channel: UInt16
    private var isChannelOpen = false
    private var declared: Set<Queue> = []
    /// The first one is under way.
    private var undeclared: Deque<Queue> = []
    /// Those that wait for the declaration of their queue.
    private var waiting: [Queue: [PendingPublish]] = [:]

    init(channel: UInt16) {
        self.channel = channel
    }

    /// Whether the queue has been declared.
    func contains(_ queue: Queue) -> Bool { declared.contains(queue) }

    /// The queue was deleted, or has expired, since it was declared.
    mutating func forget(_ queue: Queue) { declared.remove(queue) }

    /// A message waits for its queue; whether ``writeNext(_:now:)`` is to be called.
    mutating func add(_ queue: Queue, for publish: PendingPublish) -> Bool {
        guard waiting[queue] == nil else {
            waiting[queue]?.append(publish)
            return false
        }
        waiting[queue] = [publish]
        undeclared.append(queue)
        return undeclared.count == 1
    }

    /// Asks the server for the next queue, if there is one.
    ///
    /// - Throws: why that cannot be written; it is the queue's answer.
    mutating func writeNext(_ link: inout LinkState, now: ContinuousClock.Instant) throws(TransportError) {
        guard let queue = undeclared.first else { return }
        // Written as a whole or not at all.
        var declaration = WireWriter()
        let expected = try declaration.declare(queue, channel: channel)
        if !isChannelOpen {
            isChannelOpen = true
            link.output.channelOpen(channel)
            link.expect([.channelOpenOK], channel: channel, now: now)
        }
        link.output.bytes.append(contentsOf: declaration.bytes)
        link.expect(expected, channel: channel, .declaration, now: now)
    }

    /// The queue that was asked for is there, or cannot be declared: those who have waited for it.
    mutating func takeAnswered(isDeclared: Bool) -> [PendingPublish] {
        guard let queue = undeclared.popFirst() else { return [] }
        if isDeclared { declared.insert(queue) }
        return waiting.removeValue(forKey: queue) ?? []
    }

    /// The server has closed the channel over the queue that was asked for.
    mutating func channelClosed(_ link: inout LinkState) {
        isChannelOpen = false
        link.output.method(.channelCloseOK, channel: channel)
        _ = link.takeAskers(on: channel)
    }

    /// Nobody waits any more.
    mutating func end() {
        undeclared.removeAll()
        waiting.removeAll()
    }
}
