internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Consumes lists whose messages count as settled when they have arrived, as kombu does with `no_ack`: for replies, which
/// nobody wants but this consumer. It leaves no trace in `unacked`; what is on its way when the connection is lost is lost.
///
/// As on RabbitMQ, the loss of the connection ends it.
final class PoppingConsumer: InboxConsumer {
    /// As many messages of each list come along with the first one.
    private static let batch = 100
    /// A question for messages is asked anew after so long without one.
    private static let longestQuestion = Duration.seconds(5)

    private let address: RedisAddress
    private let keys: KombuKeys
    /// The queues to delete when the consumer is closed.
    private let ownQueues: [Queue]
    private let connection: RedisConnection
    let inbox: Inbox
    /// Waits for messages and takes them.
    private let question: RedisPipeline
    /// The queues, by the names of their lists.
    private let queues: [String: String]
    /// The lists in the order of the question.
    private let lists: [String]
    private let logger: Logger

    /// Connects and writes the bindings of the queues.
    static func open(
        _ address: RedisAddress, _ configuration: ConsumerConfiguration, keys: KombuKeys, logger: Logger
    ) async throws -> PoppingConsumer {
        var declarations = RedisPipeline()
        for queue in configuration.queues { try keys.declare(queue, in: &declarations) }
        let inbox = Inbox()
        let connection = try await RedisConnection.open(
            address, name: "celery-replies", logger: logger, onLoss: { inbox.fail($0) })
        let consumer = PoppingConsumer(address, configuration, keys, connection, inbox, logger)
        do {
            for case .error(let refusal) in try await connection.send(declarations) {
                throw TransportError(refusal: refusal, ofNeeded: "SADD")
            }
            try await consumer.tryCommands()
            return consumer
        } catch {
            connection.cut()
            throw error
        }
    }

    private init(
        _ address: RedisAddress, _ configuration: ConsumerConfiguration, _ keys: KombuKeys,
        _ connection: RedisConnection, _ inbox: Inbox, _ logger: Logger
    ) {
        self.address = address
        self.keys = keys
        self.connection = connection
        self.inbox = inbox
        self.logger = logger
        ownQueues = configuration.deletesQueues ? configuration.queues : []
        var (lists, queues): ([String], [String: String]) = ([], [:])
        for step in keys.prioritySteps {
            for queue in configuration.queues {
                let list = keys.list(of: queue.name, step: step)
                lists.append(list)
                queues[list] = queue.name
            }
        }
        self.lists = lists
        self.queues = queues
        // Before the server counts as gone that has not answered.
        let timeout = min(Self.longestQuestion, address.replyTimeout / 2)
        var question = Self.pop(lists, timeout: String(timeout.inSeconds))
        for list in lists { question.append("RPOP", list, String(Self.batch)) }
        self.question = question
    }

    private static func pop(_ lists: [String], timeout: String) -> RedisPipeline {
        var pipeline = RedisPipeline()
        pipeline.begin(2 + lists.count)
        pipeline.add("BRPOP")
        for list in lists { pipeline.add(list) }
        pipeline.add(timeout)
        return pipeline
    }

    /// Fails when this user cannot take messages.
    private func tryCommands() async throws {
        // Refused for its timeout, if for nothing before that; a count of nothing takes nothing.
        var trial = Self.pop(lists, timeout: "-")
        for list in lists.prefix(1) { trial.append("RPOP", list, "0") }
        for (reply, command) in zip(try await connection.send(trial), ["BRPOP", "RPOP"]) {
            guard let refusal = reply.refusal,
                RefusalKind.isOfCommand(refusal) || RefusalKind(refusal).isOfThisUser
            else { continue }
            throw TransportError(refusal: refusal, ofNeeded: command)
        }
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        try await inbox.receive(room: room, deliver, fetch: ask)
    }

    /// Asks for messages. What comes is kept, whether somebody receives it then or not.
    private func ask() {
        connection.submit(question) { [inbox, lists, queues] replies in
            if case .success(let replies) = replies { Self.take(replies, lists, queues, inbox) }
            inbox.endFetch()
        }
    }

    private static func take(
        _ replies: [RESPValue], _ lists: [String], _ queues: [String: String], _ inbox: Inbox
    ) {
        for reply in replies {
            guard let refusal = reply.refusal else { continue }
            return inbox.fail(TransportError(refusal: refusal, of: "Redis refuses to give messages"))
        }
        func keep(_ message: RESPValue, of list: String) {
            guard let bytes = message.bytes, let queue = queues[list] else { return }
            inbox.add { Delivery(envelope: bytes, number: $0, queue: queue) }
        }
        if let first = replies.first?.array, first.count == 2, let list = first[0].text { keep(first[1], of: list) }
        for (list, more) in zip(lists, replies.dropFirst()) {
            for message in more.array ?? [] { keep(message, of: list) }
        }
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {}

    /// Deletes the queues that go away with the consumer, whether the caller is cancelled or not.
    func close() async {
        await stop()
        connection.cut()
        guard !ownQueues.isEmpty else { return }
        await Task { await deleteQueues() }.value
    }

    /// Over another connection, because this one waits for messages.
    private func deleteQueues() async {
        let waiter = Waiter<Void?>()
        do {
            let isDone: Void? = try await waiter.value(until: .now + address.goodbyeTimeout) {
                [address, keys, ownQueues, logger] in
                let connection = try await RedisConnection.open(address, name: "celery-replies", logger: logger)
                var end = RedisPipeline()
                keys.delete(ownQueues, in: &end)
                let replies = await Result { try await connection.send(end).value() }
                connection.cut()
                waiter.settle(replies.map { _ in })
            }
            if isDone == nil { throw TransportError(.unreachable, "the server does not answer in time") }
        } catch {
            logger.debug("queues of replies were not deleted", metadata: ["error": "\(error)"])
        }
    }
}
