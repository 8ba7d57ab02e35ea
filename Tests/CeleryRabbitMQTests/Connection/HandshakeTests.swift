import CeleryIO
import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct HandshakeTests {
    private typealias Frames = ServerFrames

    /// Runs the client's side against a server that has already said all that it will say.
    private func login(_ bytes: [UInt8], ends: Bool = false) throws -> AMQPHandle.Agreement {
        let server = try ScriptedServer()
        server.send(bytes)
        if ends { server.cut() }
        let address = try RabbitMQAddress("amqp://me:secret@host//")
        return try AMQPConnector.logIn(
            over: PlainStream(server.socket()), to: address, name: "test", timeout: .seconds(1))
    }

    private func start(_ properties: JSONObject = ["product": "RabbitMQ", "version": "3.10.8"]) throws -> [UInt8] {
        var table = WireWriter()
        try table.table(properties)
        return start(table.bytes)
    }

    private func start(_ table: [UInt8]) -> [UInt8] {
        frame(0x000A_000A) { writer in
            writer.bytes += [0, 9] + table
            for text in ["PLAIN AMQPLAIN", "en_US"] {
                writer.integer(UInt32(text.utf8.count))
                writer.bytes += Array(text.utf8)
            }
        }
    }

    private func tune(frameMax: UInt32 = 131_072, heartbeat: UInt16 = 60) -> [UInt8] {
        frame(0x000A_001E) { writer in
            writer.integer(UInt16(2047))
            writer.integer(frameMax)
            writer.integer(heartbeat)
        }
    }

    private var openOK: [UInt8] { frame(0x000A_0029) { $0.octet(0) } }

    private func frame(_ method: UInt32, _ arguments: (inout WireWriter) -> Void) -> [UInt8] {
        var writer = WireWriter()
        writer.integer(method)
        arguments(&writer)
        return Frames.frame(1, channel: 0, writer.bytes)
    }

    private func error(_ bytes: [UInt8], ends: Bool = false) -> TransportError? {
        let error = #expect(throws: TransportError.self) { try login(bytes, ends: ends) }
        #expect(error?.message.contains("secret") == false)
        #expect(error?.message.contains("\n") == false)
        return error
    }

    @Test func bothSidesAgree() throws {
        let agreement = try login(try start() + tune(frameMax: 8192, heartbeat: 10) + openOK)
        #expect(
            agreement == AMQPHandle.Agreement(frameMax: 8192, heartbeat: .seconds(10), serverVersion: "3.10.8")
        )
    }

    @Test func theShorterHeartbeatCounts() throws {
        #expect(try login(try start() + tune(heartbeat: 580) + openOK).heartbeat == .seconds(60))
        #expect(try login(try start(["product": "else"]) + tune() + openOK).serverVersion == "")
    }

    @Test func framesAreNeverSmallerThanAMQPAllows() throws {
        #expect(try login(try start() + tune(frameMax: 100) + openOK).frameMax == 4096)
    }

    @Test(arguments: [
        (403, "ACCESS_REFUSED - Login was refused", TransportError.Code.refused),
        (530, "NOT_ALLOWED - access to vhost '/' refused for user 'guest'", .unavailable),
        (530, "NOT_ALLOWED - vhost x not found", .unavailable),
        (530, "NOT_ALLOWED - vhost 'x' is down", .unavailable),
        (530, "NOT_ALLOWED - connection limit (5) is reached", .unavailable),
        (540, "NOT_IMPLEMENTED - something", .refused),
        (541, "INTERNAL_ERROR - vhost '/' is down", .unavailable),
        (320, "CONNECTION_FORCED - broker forced connection closure", .unavailable),
    ])
    func theServersReasonIsPassedOn(code: UInt16, text: String, expected: TransportError.Code) throws {
        let close = Frames.close(.connectionClose, channel: 0, code: code, text, over: nil)
        for bytes in [try start() + close, try start() + tune() + close] {
            let failure = error(bytes)
            #expect(failure?.code == expected)
            #expect(failure?.message.contains(text) == true)
        }
    }

    @Test func aServerThatIsSlowAtEachStepIsNotWaitedForTwice() throws {
        let server = try ScriptedServer()
        let steps = [try start(), tune(), openOK]
        let begin = ContinuousClock.now
        // Each step within the time, all of them not.
        for (time, bytes) in zip([400, 800, 1600], steps) {
            _ = Deadlines.shared.add(begin + .milliseconds(time)) { server.send(bytes) }
        }
        let address = try RabbitMQAddress("amqp://me:secret@host//")
        let failure = #expect(throws: TransportError.self) {
            try AMQPConnector.logIn(
                over: PlainStream(server.socket()), to: address, name: "test", timeout: .seconds(1))
        }
        #expect(failure?.code == .unreachable)
    }

    @Test func aServerThatLeavesIsUnreachable() throws {
        #expect(error([], ends: true)?.code == .unreachable)
        #expect(error(try start(), ends: true)?.code == .unreachable)
    }

    @Test func aServerThatSaysNothingIsUnreachable() throws {
        #expect(error([])?.code == .unreachable)
    }

    @Test(arguments: [
        Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), Array("AMQP\u{0}\u{0}\u{9}\u{1}".utf8),
        [1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0], [1, 0, 0, 0, 0, 0, 1, 0, 0],
    ])
    func aServerOfAnotherKindIsUnreachable(bytes: [UInt8]) {
        #expect(error(bytes, ends: true)?.code == .unreachable)
    }

    @Test func whatFollowsTheHandshakeMustBeAsked() throws {
        #expect(error(try start() + tune() + openOK + Frames.confirm(1))?.code == .connectionLost)
    }

    /// As deep as the frames of a handshake allow, on a stack of the size that a connection's thread has.
    @Test func deeplyNestedPropertiesAreSurvived() async throws {
        var table: [UInt8] = [0, 0, 0, 0]
        while table.count < 60_000 {
            var outer = WireWriter()
            outer.integer(UInt32(table.count + 3))
            table = outer.bytes + [1, 0x61, 0x46] + table
        }
        let bytes = start(table) + tune() + openOK
        let connection = try RabbitMQProducer(memory: BrokerMemory(), logger: LiveServer.logger)
        let failure = await #expect(throws: TransportError.self) {
            try await connection.open { () throws(TransportError) in
                do {
                    throw TransportError(.unsupported, try login(bytes).serverVersion)
                } catch let error as TransportError {
                    throw error
                } catch {
                    throw TransportError(.unreachable, "\(error)")
                }
            }
        }
        // Whether the library reads it or calls it bad data does not matter.
        #expect(failure?.code == .unsupported || failure?.code == .unreachable)
    }
}
