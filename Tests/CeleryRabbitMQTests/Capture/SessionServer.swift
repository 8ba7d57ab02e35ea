import CeleryIO
import CeleryTransport

@testable import CeleryRabbitMQ

/// A session with a scripted server: the session has a thread of its own, the test plays the server.
final class SessionServer: Sendable {
    let server: ScriptedServer
    private let thread: SessionThread
    private let isCancelled = Locked(false)

    init() throws {
        server = try ScriptedServer()
        thread = try SessionThread(name: "a test")
    }

    /// Runs both until they have ended.
    func run(
        _ client: @escaping @Sendable (AMQPSession) throws -> Void, _ script: (ScriptedServer) async throws -> Void
    ) async throws {
        let link = server.link()
        async let outcome: Void = thread.run { [self] in
            try client(try AMQPSession(link) { self.isCancelled.withLock { $0 } })
        }
        try await server.answer(.channelOpen, with: .channelOpenOK)
        try await script(server)
        try await outcome
    }

    func cancel() { isCancelled.withLock { $0 = true } }
}

extension ScriptedServer {
    /// Answers a declaration of a queue with the number of its messages.
    func answerDeclaration(messages: UInt32) async throws {
        try await expect(.queueDeclare)
        send(
            ServerFrames.method(.queueDeclareOK) { writer in
                writer.bytes += ServerFrames.text("orders")
                writer.integer(messages)
                writer.integer(UInt32(0))
            })
    }

    /// Ends the channel over a method, and opens the next one.
    func refuse(_ method: MethodID, _ text: String) async throws {
        try await expect(method)
        send(ServerFrames.close(.channelClose, channel: 1, code: 406, text, over: method))
        try await expect(.channelCloseOK)
        try await answer(.channelOpen, with: .channelOpenOK)
    }
}
