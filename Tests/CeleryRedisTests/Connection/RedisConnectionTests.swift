import CeleryIO
import CeleryProtocol
import CeleryTransport
import Dispatch
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

@Suite(.timeLimit(.minutes(1))) struct RedisConnectionTests {
    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    func open(
        _ server: ScriptedRedis, onMessages: (@Sendable ([RESPValue]) -> Void)? = nil,
        onLoss: (@Sendable (TransportError) -> Void)? = nil
    ) async throws -> RedisConnection {
        try await RedisConnection.open(
            server.address, name: "a test", logger: Self.logger, onMessages: onMessages, onLoss: onLoss)
    }

    /// Lets the login pass.
    static func loggedIn(
        _ answer: @escaping @Sendable ([String]) -> ScriptedRedis.Answer
    ) throws -> ScriptedRedis {
        try ScriptedRedis { command in
            ["CLIENT", "PING"].contains(command.first) ? .bytes("+OK\r\n") : answer(command)
        }
    }

    @Test func repliesReachTheirCallersInOrder() async throws {
        let server = try Self.loggedIn { .bytes(":\($0.last ?? "")\r\n") }
        let connection = try await open(server)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let reply = try await connection.call(RedisPipeline("ECHO", String(number)))
                    #expect(reply == .integer(number))
                }
            }
            try await group.waitForAll()
        }
        await connection.close()
    }

    @Test func aReplyMayComeByteByByte() async throws {
        let server = try Self.loggedIn { _ in .dribble("*2\r\n$5\r\nhello\r\n:7\r\n") }
        let connection = try await open(server)
        #expect(try await connection.call(RedisPipeline("X")) == .array([.bulk(Array("hello".utf8)), .integer(7)]))
        await connection.close()
    }

    @Test func aPipelineHasAReplyForEachCommand() async throws {
        let server = try Self.loggedIn { $0 == ["B"] ? .bytes("-ERR b\r\n") : .bytes("+\($0[0])\r\n") }
        let connection = try await open(server)
        var pipeline = RedisPipeline("A")
        pipeline.append("B")
        pipeline.append("C")
        #expect(try await connection.send(pipeline) == [.status("A"), .error("ERR b"), .status("C")])
        let error = await #expect(throws: TransportError.self) { try await connection.call(pipeline) }
        #expect(error?.code == .rejected)
        #expect(error?.message == "Redis refuses: ERR b")
        await connection.close()
    }

    @Test func nothingToSendHasNoReplies() async throws {
        let server = try Self.loggedIn { .bytes("+\($0[0])\r\n") }
        let connection = try await open(server)
        #expect(try await connection.send(RedisPipeline()).isEmpty)
        #expect(try await connection.call(RedisPipeline("NEXT")) == .status("NEXT"))
        await connection.close()
    }

    @Test func aLoginSendsUserPasswordDatabaseAndName() async throws {
        let commands = Notes<[String]>()
        let server = try ScriptedRedis { command in
            commands.add(command)
            return .bytes("+OK\r\n")
        }
        let address = try RedisAddress("redis://me:pass@127.0.0.1:\(server.port)/4")
        let connection = try await RedisConnection.open(address, name: "my name", logger: Self.logger)
        #expect(try await commands.next() == ["AUTH", "me", "pass"])
        #expect(try await commands.next() == ["SELECT", "4"])
        #expect(try await commands.next() == ["PING"])
        #expect(try await commands.next() == ["CLIENT", "SETNAME", "my-name"])
        await connection.close()
    }

    @Test(arguments: [
        ("AUTH", "WRONGPASS invalid username-password pair or user is disabled."),
        ("SELECT", "ERR DB index is out of range"), ("CLIENT", "NOAUTH Authentication required."),
    ])
    func aRefusedLoginIsOneLineWithoutThePassword(command: String, refusal: String) async throws {
        let server = try ScriptedRedis { $0[0] == command ? .bytes("-\(refusal)\r\n") : .bytes("+OK\r\n") }
        let address = try RedisAddress("redis://:hunter2@127.0.0.1:\(server.port)/4")
        let error = await #expect(throws: TransportError.self) {
            _ = try await RedisConnection.open(address, name: "test", logger: Self.logger)
        }
        #expect(error?.code == .refused)
        #expect(error?.message == "redis://:**@127.0.0.1:\(server.port)/4 refuses: \(refusal)")
        #expect(error?.isRetriable == false)
    }

    /// AUTH may be renamed or be unknown; Redis then shows what it got.
    @Test(arguments: ["hunter2", "hunter@2/ü", "hunter2 \n x", String(repeating: "hunter2", count: 30)])
    func aServerThatRepeatsThePasswordIsNotRepeated(password: String) async throws {
        let server = try ScriptedRedis { command in
            guard command[0] == "AUTH" else { return .bytes("+OK\r\n") }
            let shown = String(decoding: command[1].utf8.prefix(128), as: UTF8.self)
                .map { $0.isNewline ? " " : String($0) }.joined()
            return .bytes("-ERR unknown command 'AUTH', with args beginning with: '\(shown)' \r\n")
        }
        var encoded = ""
        for byte in password.utf8 {
            let digits = String(byte, radix: 16)
            encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
        let broker = RedisBroker("redis://:\(encoded)@127.0.0.1:\(server.port)/4")
        let error = await #expect(throws: TransportError.self) {
            _ = try await broker.makeProducer(logger: Self.logger)
        }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("hunter") == false)
        #expect(error?.message.contains("unknown command 'AUTH'") == true)
    }

    @Test(arguments: [
        "NOPERM this user has no permissions to run the 'client|setname' command",
        "ERR unknown command `CLIENT`",
    ])
    func aServerThatDoesNotLetItselfBeNamedIsUsedAllTheSame(refusal: String) async throws {
        let server = try ScriptedRedis { $0[0] == "CLIENT" ? .bytes("-\(refusal)\r\n") : .bytes("+OK\r\n") }
        let connection = try await open(server)
        #expect(try await connection.call(RedisPipeline("X")) == .status("OK"))
        await connection.close()
    }

    @Test(arguments: [
        "READONLY You can't write against a read only replica.", "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down",
        "ERR Error running script (call to f_0a): @user_script:6: @user_script: 6: -READONLY You can't write",
    ])
    func aServerThatIsNotReadyIsALostConnection(refusal: String) async throws {
        let server = try Self.loggedIn { _ in .bytes("-\(refusal)\r\n") }
        let losses = Notes<TransportError>()
        let connection = try await open(server, onLoss: { losses.add($0) })
        let error = await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("X")) }
        #expect(error?.code == .connectionLost)
        #expect(error?.message.contains(refusal) == true)
        #expect(try await losses.next().code == .connectionLost)
    }

    @Test func aServerThatLoadsItsDataAtTheLoginIsTriedAgain() async throws {
        let server = try ScriptedRedis { _ in .bytes("-LOADING Redis is loading the dataset in memory\r\n") }
        let error = await #expect(throws: TransportError.self) { _ = try await open(server) }
        // Not a loss: who is told of one tries again at once.
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("LOADING") == true)
    }

    @Test func aServerThatLoadsItsDataAndTakesLoginsIsTriedAgain() async throws {
        let server = try ScriptedRedis { command in
            command[0] == "PING" ? .bytes("-LOADING Redis is loading the dataset in memory\r\n") : .bytes("+OK\r\n")
        }
        let error = await #expect(throws: TransportError.self) { _ = try await open(server) }
        #expect(error?.code == .unavailable)
    }

    @Test(arguments: [true, false])
    func aGoodbyeIsShort(whileOthersWaitForLonger: Bool) async throws {
        let pings = Locked(0)
        let server = try ScriptedRedis { command in
            let isLogin = pings.withLock { pings in
                if command[0] == "PING" { pings += 1 }
                return pings < 2 && command[0] != "X"
            }
            return isLogin || command[0] == "CLIENT" ? .bytes("+OK\r\n") : .silence
        }
        var address = try server.address
        #expect(address.goodbyeTimeout == .seconds(3))
        address.goodbyeTimeout = .milliseconds(100)
        let connection = try await RedisConnection.open(address, name: "a test", logger: Self.logger)
        let reply = Task {
            if whileOthersWaitForLonger { _ = try await connection.call(RedisPipeline("X")) }
        }
        if !whileOthersWaitForLonger { try await reply.value }
        let start = ContinuousClock.now
        await connection.close()
        #expect(.now - start < .seconds(10))
        _ = await reply.result
    }

    /// Counts how often the connection's thread has looked for something to do.
    final class Turns: RedisConnection.Upkeep {
        private let counter = Locked(0)
        var count: Int { counter.withLock { $0 } }
        var nextDeadline: ContinuousClock.Instant? { nil }

        func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> PendingCommand? {
            counter.withLock { $0 += 1 }
            return nil
        }
    }

    @Test func aServerThatDoesNotReadIsWaitedForAsleep() async throws {
        let (isBlocked, mayGoOn) = (Notes<Void>(), DispatchSemaphore(value: 0))
        let server = try Self.loggedIn { command in
            if command[0] == "BLOCK" {
                isBlocked.add(())
                mayGoOn.wait()
            }
            return .bytes("+OK\r\n")
        }
        let connection = try await open(server)
        let turns = Turns()
        connection.attach(turns)
        let text = String(repeating: "0123456789", count: 2_000_000)
        async let first = connection.call(RedisPipeline("BLOCK"))
        _ = try await isBlocked.next()
        async let second = connection.call(RedisPipeline("ECHO", text))
        async let third = connection.call(RedisPipeline("ECHO", text))
        // Some time passes.
        let other = try await open(server)
        for _ in 0..<1000 { _ = try await other.call(RedisPipeline("X")) }
        #expect(turns.count < 200)
        mayGoOn.signal()
        let replies = try await [first, second, third]
        #expect(replies == [.status("OK"), .status("OK"), .status("OK")])
        await connection.close()
        await other.close()
    }

    @Test func aServerThatIsFullIsTriedAgain() async throws {
        let server = try ScriptedRedis { _ in .last("-ERR max number of clients reached\r\n") }
        let address = try RedisAddress("redis://:pass@127.0.0.1:\(server.port)/4")
        let error = await #expect(throws: TransportError.self) {
            _ = try await RedisConnection.open(address, name: "test", logger: Self.logger)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("max number of clients") == true)
    }

    @Test(arguments: ["", "$10\r\nhal", "*2\r\n:1\r\n", "+O"])
    func anEndInTheMiddleOfAReplyIsALostConnection(text: String) async throws {
        let server = try Self.loggedIn { _ in .last(text) }
        let connection = try await open(server)
        let error = await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("X")) }
        #expect(error?.code == .connectionLost)
        // And so is every call after it.
        let next = await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("Y")) }
        #expect(next?.code == .connectionLost)
    }

    @Test func allWhoWaitHearOfTheLoss() async throws {
        let seen = Notes<Void>()
        let server = try Self.loggedIn { _ in
            seen.add(())
            return .silence
        }
        let connection = try await open(server)
        await withTaskGroup(of: TransportError.Code?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do { _ = try await connection.call(RedisPipeline("X")) } catch let error as TransportError {
                        return error.code
                    } catch {}
                    return nil
                }
            }
            for _ in 0..<20 { _ = try? await seen.next() }
            server.cut()
            for await code in group { #expect(code == .connectionLost) }
        }
    }

    @Test(arguments: ["hello\r\n", ":12x\r\n"])
    func anAnswerThatIsNotRedissIsALostConnection(text: String) async throws {
        let server = try Self.loggedIn { _ in .bytes(text) }
        let connection = try await open(server)
        let error = await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("X")) }
        #expect(error?.code == .connectionLost)
    }

    @Test func aReplyThatNobodyAskedForIsALostConnection() async throws {
        let server = try Self.loggedIn { _ in .bytes("+OK\r\n") }
        let losses = Notes<TransportError>()
        let connection = try await open(server, onLoss: { losses.add($0) })
        server.push("+SURPRISE\r\n")
        #expect(try await losses.next().message.contains("nobody asked for"))
        await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("X")) }
    }

    @Test func aSubscriberGetsEveryMessageInOrder() async throws {
        let server = try Self.loggedIn { _ in .bytes("*3\r\n+subscribe\r\n+c\r\n:1\r\n+a\r\n+b\r\n") }
        let pushes = Notes<RESPValue>()
        let connection = try await open(server, onMessages: { $0.forEach(pushes.add) })
        try connection.subscribe { RedisPipeline("SUBSCRIBE", "c") }
        #expect(try await pushes.next() == .array([.status("subscribe"), .status("c"), .integer(1)]))
        #expect(try await pushes.next() == .status("a"))
        #expect(try await pushes.next() == .status("b"))
        server.push("+later\r\n")
        #expect(try await pushes.next() == .status("later"))
        await connection.close()
    }

    /// What a subscriber gets is read on the connection's thread, which has a stack of its own size.
    @Test func theDeepestJSONIsReadOnTheThread() async throws {
        let server = try Self.loggedIn { _ in .bytes("+OK\r\n") }
        let results = Notes<Result<JSONValue, any Error>>()
        let connection = try await open(
            server,
            onMessages: { messages in
                for message in messages { results.add(Result { try JSONValue(json: message.bytes ?? []) }) }
            })
        let json = String(repeating: #"{"a": ["#, count: 255) + "1" + String(repeating: "]}", count: 255)
        server.push("$\(json.utf8.count)\r\n\(json)\r\n")
        var value = try await results.next().get()
        for _ in 0..<255 { value = try #require(value.objectValue?["a"]?.arrayValue?.first) }
        #expect(value == 1)
        await connection.close()
    }

    @Test func aClosedConnectionSaysSo() async throws {
        let server = try Self.loggedIn { _ in .bytes("+OK\r\n") }
        let connection = try await open(server)
        await connection.close()
        let error = await #expect(throws: TransportError.self) { try await connection.call(RedisPipeline("X")) }
        #expect(error?.code == .closed)
    }

    @Test func aConnectionThatNobodyHoldsIsClosed() async throws {
        let server = try Self.loggedIn { _ in .bytes("+OK\r\n") }
        let losses = Notes<TransportError>()
        do { _ = try await open(server, onLoss: { losses.add($0) }) }
        #expect(try await losses.next().code == .closed)
    }

    @Test func largeCommandsAndRepliesGoThrough() async throws {
        let server = try Self.loggedIn { command in
            guard command.count > 1 else { return .bytes("+PONG\r\n") }
            return .bytes("$\(command[1].utf8.count)\r\n\(command[1])\r\n")
        }
        let connection = try await open(server)
        let text = String(repeating: "0123456789", count: 500_000)
        #expect(try await connection.call(RedisPipeline("ECHO", text)).text == text)
        await connection.close()
    }
}
