internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// The consumers of a channel, one for each queue: makes them, renews them, ends them.
struct ChannelConsumers {
    private static var channel: UInt16 { ConsumerMachine.channel }

    private let queues: [Queue]
    private var served: ServedQueues
    /// What the log has said of consumers that the server has ended.
    private var ended = OutageLog()

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

    /// Declares the queues.
    func declare(_ link: inout LinkState, now: ContinuousClock.Instant) throws(TransportError) {
        for queue in queues {
            let expected = try link.output.declare(queue, channel: Self.channel)
            link.expect(expected, channel: Self.channel, subject: queue.name, now: now)
        }
    }

    /// Begins to consume the queues; `asker` hears of the last answer.
    ///
    /// - Returns: the consumers' tags.
    mutating func begin(
        _ link: inout LinkState, _ asker: ReplyQueue.Asker, now: ContinuousClock.Instant
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

    /// Declares and consumes queues whose consumers were ended, when it is time.
    ///
    /// - Returns: the new consumers' tags.
    mutating func beginAgain(
        _ link: inout LinkState, now: ContinuousClock.Instant
    ) throws(TransportError) -> [String] {
        var tags: [String] = []
        for index in served.due(at: now) {
            let queue = queues[index]
            let tag = served.beginAgain(index, now: now)
            var expected = try link.output.declare(queue, channel: Self.channel)
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            expected.append(.basicConsumeOK)
            link.expect(expected, channel: Self.channel, subject: queue.name, now: now)
            tags.append(tag)
        }
        return tags
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
