internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// The consumers of a channel, one for each queue: makes them, renews them, ends them.
struct ChannelConsumers {
    private static var channel: UInt16 { ConsumerMachine.channel }

    private let queues: [Queue]
    private var served: ServedQueues
    private var declarations = QueueDeclarations()
    /// The positions of the queues that are declared, in the order of their answers.
    private var declaring: Deque<Int> = []
    /// What the log has said of consumers that the server has ended.
    private var ended = OutageLog()
    /// And of queues that could not be declared anew.
    private var postponed = OutageLog()

    init(_ configuration: ConsumerConfiguration) {
        queues = configuration.queues
        served = ServedQueues(name: configuration.name, count: queues.count)
    }

    var isEmpty: Bool { served.isEmpty }

    /// Whether every queue has its consumer.
    var isComplete: Bool { served.isComplete }

    /// When a queue without a consumer gets a new one.
    var due: ContinuousClock.Instant? { served.due }

    /// Whom a delivery comes from: the queue's name, and a number that no other consumer of the channel has.
    subscript(tag: String) -> (queue: String, consumer: UInt32)? {
        served[tag].map { (queues[$0.queue].name, $0.consumer) }
    }

    // MARK: Beginning

    /// The queue that the server is asked for.
    var subject: String? { declarations.subject }

    /// Whether all queues that were to be declared are there.
    var isDeclared: Bool { declarations.isEmpty }

    /// Declares the queues.
    mutating func declare(_ link: inout LinkState, now: ContinuousClock.Instant) throws(TransportError) {
        for index in queues.indices { try declare(index, &link, now: now) }
    }

    private mutating func declare(
        _ index: Int, _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) {
        declaring.append(index)
        if declarations.add(queues[index]) { try declarations.writeNext(&link, now: now) }
    }

    /// A queue is there; the next one's turn.
    ///
    /// - Returns: the queue's position, and what the log is to say of it.
    mutating func declared(
        _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> (index: Int, [ConnectionAction])? {
        guard let declaration = declarations.takeAnswered(), let index = declaring.popFirst() else { return nil }
        try declarations.writeNext(&link, now: now)
        return (index, declarations.note(declaration))
    }

    /// The server has closed the channel on which queues are declared.
    ///
    /// - Returns: why the queue cannot be used; `nil` when it is asked for as it is.
    mutating func refused(
        _ fault: ServerFault, _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> ServerFault? {
        if let fault = declarations.channelClosed(fault, &link) { return fault }
        try declarations.writeNext(&link, now: now)
        return nil
    }

    /// The queue that was asked for cannot be used at present: it is asked for again later, and the others go on.
    ///
    /// - Returns: what the log is to say of it.
    mutating func postpone(
        because fault: ServerFault, _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> [ConnectionAction] {
        guard let declaration = declarations.takeAnswered(), let index = declaring.popFirst() else { return [] }
        served.postpone(index, now: now)
        try declarations.writeNext(&link, now: now)
        let queue = declaration.queue.name
        guard let count = postponed.failed(because: "\(queue) \(fault.text)", at: now) else { return [] }
        return [
            .log(
                .warning, "a queue cannot be consumed at present, trying again",
                ["queue": "\(queue)", "reason": "\(LogText(fault.text))", "count": "\(count)"])
        ]
    }

    /// Begins to consume the queues; `asker` hears of the last answer.
    ///
    /// - Returns: the consumers' tags.
    mutating func begin(
        _ link: inout LinkState, _ asker: ReplyQueue.Asker?, now: ContinuousClock.Instant
    ) throws(TransportError) -> [String] {
        let tags = served.beginAll(now: now)
        for (index, (queue, tag)) in zip(queues, tags).enumerated() {
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            link.expect(
                [.basicConsumeOK], channel: Self.channel, index == queues.count - 1 ? asker : nil,
                subject: queue.name, now: now)
        }
        return tags
    }

    /// Puts new consumers with another limit in the place of those that are there. What these have delivered stays as it
    /// is.
    ///
    /// - Returns: the new consumers' tags.
    mutating func renew(
        limit: UInt16, _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> [String] {
        let tags = served.beginAll(now: now)
        link.output.qos(prefetch: limit, isGlobal: false, channel: Self.channel)
        var expected = [MethodID.basicQosOK]
        // The new ones first: a queue may go away with its last consumer.
        for (queue, tag) in zip(queues, tags) {
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            expected.append(.basicConsumeOK)
        }
        for tag in served.formerTags {
            try link.output.cancel(tag: tag, channel: Self.channel)
            expected.append(.basicCancelOK)
        }
        link.expect(expected, channel: Self.channel, now: now)
        return tags
    }

    /// Declares queues whose consumers were ended, when it is time.
    mutating func declareAgain(_ link: inout LinkState, now: ContinuousClock.Instant) throws(TransportError) {
        for index in served.takeDue(at: now) { try declare(index, &link, now: now) }
    }

    /// Consumes a queue again that has been declared anew.
    ///
    /// - Returns: the new consumer's tag.
    mutating func beginAgain(
        _ index: Int, _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> String {
        let tag = served.beginAgain(index, now: now)
        try link.output.consume(queue: queues[index].name, tag: tag, channel: Self.channel)
        link.expect([.basicConsumeOK], channel: Self.channel, subject: queues[index].name, now: now)
        return tag
    }

    // MARK: Ending

    /// Ends the consumers; `asker` hears of the last answer.
    func cancel(
        _ link: inout LinkState, _ asker: ReplyQueue.Asker, now: ContinuousClock.Instant
    ) throws(TransportError) {
        let tags = served.tags
        for tag in tags { try link.output.cancel(tag: tag, channel: Self.channel) }
        link.expect(Array(repeating: .basicCancelOK, count: tags.count), channel: Self.channel, asker, now: now)
    }

    /// Deletes the queues.
    func deleteQueues(_ link: inout LinkState) throws(TransportError) {
        for queue in queues { try link.output.delete(queue: queue.name, channel: Self.channel) }
    }

    /// The server has ended a consumer; `nil` when it was none of these.
    mutating func end(_ tag: String, now: ContinuousClock.Instant) -> (queue: String, consumer: UInt32)? {
        served.end(tag, now: now).map { (queues[$0.queue].name, $0.consumer) }
    }

    /// What the log is to say of an ended consumer; seldom if it happens again and again.
    mutating func note(endIn queue: String, now: ContinuousClock.Instant) -> ConnectionAction? {
        ended.failed(because: queue, at: now).map { count in
            .log(
                .warning, "RabbitMQ ended the consumer of a queue, which is declared and consumed anew",
                ["queue": "\(queue)", "count": "\(count)"])
        }
    }
}
