import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct ProducerTests {
    private typealias Frames = ServerFrames
    private let server: ScriptedServer
    private let memory = BrokerMemory()
    private let destination = Destination(exchange: "", routingKey: "q")

    init() throws { server = try ScriptedServer() }

    private func connect(
        heartbeat: Duration? = nil,
        confirmTimeout: Duration = ScriptedServer.patience,
        replyTimeout: Duration = ScriptedServer.patience
    ) async throws -> RabbitMQProducer {
        let connection = try RabbitMQProducer(
            memory: memory, logger: Logger(label: "test"), confirmTimeout: confirmTimeout)
        let server = server
        async let opening: Void = connection.open { () throws(TransportError) in
            server.link(heartbeat: heartbeat, replyTimeout: replyTimeout)
        }
        try await answerOpening()
        try await opening
        return connection
    }

    private func answerOpening() async throws {
        try await server.answer(.channelOpen, with: .channelOpenOK)
        try await server.answer(.confirmSelect, with: .confirmSelectOK)
    }

    /// A connection over which the server has taken a message, so that others like it need not be alone.
    private func connectAndPublish() async throws -> RabbitMQProducer {
        let connection = try await connect()
        let first = Task { try await connection.publish(Message("first of all"), to: destination) }
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(1))
        try await first.value
        return connection
    }

    /// Begins a publish and waits until the server has it.
    private func begin(_ connection: RabbitMQProducer, to destination: Destination) async throws -> Task<
        Void, any Error
    > {
        let task = Task { try await connection.publish(Message("x"), to: destination) }
        try await server.expect(.basicPublish)
        return task
    }

    private func begin(_ connection: RabbitMQProducer) async throws -> Task<Void, any Error> {
        try await begin(connection, to: destination)
    }

    private func error(of task: Task<Void, any Error>) async -> TransportError? {
        await #expect(throws: TransportError.self) { try await task.value }
    }

    @Test func aPublishReturnsWhenItIsConfirmed() async throws {
        let connection = try await connectAndPublish()
        let tasks = [try await begin(connection), try await begin(connection), try await begin(connection)]
        server.send(Frames.confirm(3) + Frames.confirm(4, multiple: true))
        for task in tasks { try await task.value }
    }

    @Test func aMessageThatIsNotTakenIsRejected() async throws {
        let connection = try await connectAndPublish()
        let first = try await begin(connection)
        let second = try await begin(connection)
        server.send(Frames.confirm(2, isPositive: false) + Frames.confirm(3))
        #expect(await error(of: first)?.code == .rejected)
        try await second.value
    }

    @Test func nothingIsPublishedWhileTheServerBlocks() async throws {
        let connection = try await connect()
        let first = try await begin(connection)
        server.send(Frames.method(.connectionBlocked, channel: 0) { $0.bytes += Frames.text("low on memory") })
        server.send(Frames.confirm(1))
        try await first.value
        let second = Task { try await connection.publish(Message("x"), to: destination) }
        // The declaration is still carried out, on its own channel, so what came before it has been looked at.
        let third = Task { try await connection.publish(Message("x"), to: Destination(queue: "d")) }
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answerDeclaration(channel: 2)
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        server.send(Frames.method(.connectionUnblocked, channel: 0))
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(2))
        try await third.value
    }

    @Test func theServersGoodbyeFailsWhatIsUnderWay() async throws {
        let connection = try await connect()
        let publish = try await begin(connection)
        server.send(Frames.close(.connectionClose, channel: 0, code: 320, "CONNECTION_FORCED - restart", over: nil))
        let failure = await error(of: publish)
        #expect(failure?.code == .connectionLost)
        #expect(failure?.message.contains("CONNECTION_FORCED - restart") == true)
        try await server.expect(.connectionCloseOK, channel: 0)
        let later = await error(of: Task { try await connection.publish(Message("x"), to: destination) })
        #expect(later?.code == .connectionLost)
    }

    @Test func aBrokenConnectionFailsAllThatIsUnderWay() async throws {
        let connection = try await connectAndPublish()
        let tasks = [try await begin(connection), try await begin(connection)]
        server.cut()
        for task in tasks { #expect(await error(of: task)?.code == .connectionLost) }
    }

    @Test(arguments: [
        Array("HTTP/1.1 400 Bad Request".utf8), Frames.header(size: 1), Frames.method(.basicQosOK),
        Frames.frame(9, channel: 0, []),
    ])
    func whatIsNotAMQPEndsTheConnection(bytes: [UInt8]) async throws {
        let connection = try await connect()
        let publish = try await begin(connection)
        server.send(bytes)
        #expect(await error(of: publish)?.code == .connectionLost)
    }

    @Test func aMissingExchangeIsTheFaultOfItsOwnMessage() async throws {
        let connection = try await connectAndPublish()
        let innocent = try await begin(connection)
        let culprit = Task {
            try await connection.publish(Message("x"), to: Destination(exchange: "nowhere", routingKey: "q"))
        }
        server.send(Frames.confirm(2))
        try await innocent.value
        try await server.expect(.basicPublish)
        let text = "NOT_FOUND - no exchange 'nowhere' in vhost '/'"
        server.send(Frames.close(.channelClose, channel: 1, code: 404, text, over: .basicPublish))
        #expect(await error(of: culprit)?.code == .rejected)
        let waiting = Task { try await connection.publish(Message("x"), to: destination) }
        try await server.expect(.channelCloseOK)
        try await answerOpening()
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(1))
        try await waiting.value
    }

    @Test func aRefusedDeclarationFailsItsCallerOnly() async throws {
        let connection = try await connect()
        let other = try await begin(connection)
        let refused = Task { try await connection.publish(Message("x"), to: Destination(queue: "a")) }
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answer(.exchangeDeclare, with: .exchangeDeclareOK, channel: 2)
        try await server.expect(.queueDeclare, channel: 2)
        let text = "NOT_FOUND - home node 'b' of durable queue 'a' in vhost '/' is down or inaccessible"
        server.send(Frames.close(.channelClose, channel: 2, code: 404, text, over: .queueDeclare))
        let failure = await error(of: refused)
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains(text) == true)
        server.send(Frames.confirm(1))
        try await other.value
        let next = Task { try await connection.publish(Message("x"), to: Destination(queue: "b")) }
        try await server.expect(.queueBind, channel: 2)
        try await server.expect(.channelCloseOK, channel: 2)
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answerDeclaration(channel: 2)
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(2))
        try await next.value
    }

    @Test func aQueueIsDeclaredOnceHoweverManyPublishAtOnce() async throws {
        let connection = try await connectAndPublish()
        let tasks = (0..<5).map { _ in Task { try await connection.publish(Message("x"), to: Destination(queue: "a")) }
        }
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answerDeclaration(channel: 2)
        for _ in 0..<5 { try await server.expect(.basicPublish) }
        server.send(Frames.confirm(6, multiple: true))
        for task in tasks { try await task.value }
    }

    @Test func heartbeatsAreSentWhenNothingElseIs() async throws {
        server.answerHeartbeats()
        let connection = try await connect(heartbeat: .seconds(2))
        try await server.heartbeat()
        let publish = try await begin(connection)
        server.send(Frames.confirm(1))
        try await publish.value
    }

    @Test func aServerThatSaysNothingIsLost() async throws {
        let connection = try RabbitMQProducer(memory: memory, logger: Logger(label: "test"))
        let server = server
        let failure = await #expect(throws: TransportError.self) {
            try await connection.open { () throws(TransportError) in server.link(heartbeat: .milliseconds(50)) }
        }
        #expect(failure?.code == .connectionLost)
        #expect(failure?.message.contains("nothing has come") == true)
    }

    @Test func aCancelledCallerDoesNotWaitForTheConfirmation() async throws {
        let connection = try await connectAndPublish()
        let first = try await begin(connection)
        let second = try await begin(connection)
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        server.send(Frames.confirm(3, multiple: true))
        try await second.value
    }

    @Test func aMessageThatIsNeverConfirmedEndsTheConnection() async throws {
        let connection = try await connect(confirmTimeout: .milliseconds(50))
        let failure = await error(of: try await begin(connection))
        #expect(failure?.code == .connectionLost)
        #expect(failure?.message.contains("not confirmed") == true)
    }

    @Test func whoeverWaitsForADeclarationCanBeCancelled() async throws {
        let connection = try await connect()
        let first = Task { try await connection.publish(Message("x"), to: Destination(queue: "d")) }
        try await server.expect(.channelOpen, channel: 2)
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        let second = Task { try await connection.publish(Message("x"), to: Destination(queue: "d")) }
        server.send(Frames.method(.channelOpenOK, channel: 2))
        try await server.answerDeclaration(channel: 2)
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(1))
        try await second.value
    }

    /// Publishes `text` to the queue `a` and waits until the server has it; whether it is mandatory.
    private func begin(_ connection: RabbitMQProducer, _ text: String) async throws -> (
        task: Task<Void, any Error>, isMandatory: Bool
    ) {
        let task = Task { try await connection.publish(Message(text), to: Destination(queue: "a")) }
        return (task, try await isNextMandatory())
    }

    private func isNextMandatory() async throws -> Bool {
        var arguments = try await server.expect(.basicPublish).arguments()
        _ = try (arguments.integer(UInt16.self), arguments.shortString(), arguments.shortString())
        return try arguments.octet() == 1
    }

    /// The queue `a` is declared on a new connection.
    private func connectAndDeclare() async throws -> RabbitMQProducer {
        let connection = try await connect()
        let first = Task { try await connection.publish(Message("first of all"), to: Destination(queue: "a")) }
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answerDeclaration(channel: 2)
        try await server.expect(.basicPublish)
        server.send(Frames.confirm(1))
        try await first.value
        return connection
    }

    @Test func aMessageWhoseQueueIsGoneIsSentAgainAfterADeclaration() async throws {
        let connection = try await connectAndDeclare()
        let taken = try await begin(connection, "taken")
        let returned = try await begin(connection, "returned")
        #expect(returned.isMandatory)
        server.send(Frames.returned(key: "a", "returned") + Frames.confirm(3, multiple: true))
        try await taken.task.value
        try await server.answerDeclaration(channel: 2)
        #expect(try await isNextMandatory())
        server.send(Frames.confirm(4))
        try await returned.task.value
    }

    @Test func aMessageThatNoQueueTakesFailsAfterTheSecondTry() async throws {
        let connection = try await connectAndDeclare()
        let returned = try await begin(connection, "returned").task
        server.send(Frames.returned(key: "a", "returned") + Frames.confirm(2))
        try await server.answerDeclaration(channel: 2)
        try await server.expect(.basicPublish)
        server.send(Frames.returned(key: "a", "returned") + Frames.confirm(3))
        #expect(await error(of: returned)?.code == .rejected)
    }

    @Test func aMessageForAnExchangeMayFindNobody() async throws {
        let connection = try await connect()
        let publish = Task { try await connection.publish(Message("x"), to: destination) }
        #expect(try await !isNextMandatory())
        server.send(Frames.confirm(1))
        try await publish.value
    }

    @Test func queuesAreDeclaredOneAfterTheOther() async throws {
        let connection = try await connect()
        var tasks: [Task<Void, any Error>] = []
        for name in ["a", "b", "c", "d", "e", "f"] {
            tasks.append(Task { try await connection.publish(Message("x"), to: Destination(queue: Queue(name))) })
        }
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        for number: UInt64 in 1...6 {
            try await server.answerDeclaration(channel: 2)
            // One queue's message before the next one's declaration, which waits for the answers to this one.
            try await server.expect(.basicPublish)
            server.send(Frames.confirm(number))
        }
        for task in tasks { try await task.value }
    }

    @Test func closingWaitsForConfirmationsAndSaysGoodbye() async throws {
        let connection = try await connect()
        let publish = try await begin(connection)
        async let closing: Void = connection.close()
        let later = await error(of: Task { try await untilClosed(connection) })
        #expect(later?.code == .closed)
        server.send(Frames.confirm(1))
        try await publish.value
        try await server.answer(.connectionClose, with: .connectionCloseOK, channel: 0)
        await closing
    }

    /// Publishes what the server never hears of, until that fails because the connection is being closed.
    private func untilClosed(_ connection: RabbitMQProducer) async throws {
        while true {
            let attempt = Task { try await connection.publish(Message("x"), to: destination) }
            attempt.cancel()
            do {
                try await attempt.value
            } catch is CancellationError {
                await Task.yield()
            }
        }
    }

    @Test func aMessageThatCannotBeWrittenLeavesTheConnectionAsItWas() async throws {
        let connection = try await connect()
        let message = Message(headers: ["n": .bigInteger("99999999999999999999")], body: [])
        let failure = await error(of: Task { try await connection.publish(message, to: destination) })
        #expect(failure?.code == .rejected)
        let publish = try await begin(connection)
        server.send(Frames.confirm(1))
        try await publish.value
    }
}
