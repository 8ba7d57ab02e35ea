import CeleryIO
import CeleryTransport
import Foundation

@testable import CeleryRabbitMQ

/// The server's end of a socket pair: it sends what a test says and hands out the frames that the client sends.
final class ScriptedServer: Sendable {
    struct ClientFrame: Sendable {
        let type: UInt8
        let channel: UInt16
        let payload: [UInt8]

        var method: MethodID? {
            guard type == 1 else { return nil }
            var reader = WireReader(payload)
            return (try? reader.integer(UInt32.self)).flatMap(MethodID.init(rawValue:))
        }

        /// A reader of the method's arguments.
        func arguments() throws -> WireReader {
            var reader = WireReader(payload)
            _ = try reader.integer(UInt32.self)
            return reader
        }
    }

    struct Unexpected: Error {
        let text: String
    }

    /// Closed when both its users, the reading thread and the test, are done with it.
    private final class Descriptor: Sendable {
        let number: Int32
        let answersHeartbeats = Locked(false)
        init(_ number: Int32) { self.number = number }
        deinit { close(number) }
    }

    private let descriptor: Descriptor
    private let clientDescriptor: Int32
    private let frames: AsyncStream<ClientFrame>

    /// Longer than any test lasts, on a machine that has other things to do as well.
    static let patience = Duration.seconds(300)

    init() throws {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { throw POSIXError(.EMFILE) }
        let server = Descriptor(pair[0])
        descriptor = server
        clientDescriptor = pair[1]
        let (stream, continuation) = AsyncStream.makeStream(of: ClientFrame.self)
        frames = stream
        Thread.detachNewThread {
            var buffer = FrameBuffer(largestFrame: 1 << 30)
            var isOpen = true
            while isOpen {
                buffer.fill { free in
                    let count = read(server.number, free.baseAddress, free.count)
                    isOpen = count > 0
                    return max(0, count)
                }
                while var frame = try? buffer.next() {
                    guard let payload = try? frame.payload.data(frame.payload.remaining) else { break }
                    if frame.type == 8, server.answersHeartbeats.withLock({ $0 }) {
                        Self.send(ServerFrames.frame(8, channel: 0, []), to: server)
                    }
                    continuation.yield(
                        ClientFrame(type: frame.type, channel: frame.channel, payload: Array(payload))
                    )
                }
            }
            continuation.finish()
        }
    }

    deinit { cut() }

    /// The client's end; taken once.
    func socket() -> Socket { Socket(adopting: clientDescriptor) }

    /// The client's end after a handshake; taken once.
    func link(
        heartbeat: Duration? = nil,
        version: String = "3.10.8",
        frameMax: Int = 131_072,
        replyTimeout: Duration = ScriptedServer.patience
    ) -> AMQPLink {
        AMQPLink(
            stream: PlainStream(socket()),
            agreement: AMQPHandle.Agreement(frameMax: frameMax, heartbeat: heartbeat, serverVersion: version),
            name: "the server",
            replyTimeout: replyTimeout,
            closing: ClosingLimits(
                confirmations: Self.patience, publisherGoodbye: Self.patience, consumerGoodbye: Self.patience)
        )
    }

    func send(_ bytes: [UInt8]) { Self.send(bytes, to: descriptor) }

    private static func send(_ bytes: [UInt8], to descriptor: Descriptor) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Ends the connection as a crash would.
    func cut() {
        shutdown(descriptor.number, Int32(SHUT_RDWR))
    }

    /// The next frame apart from heartbeats.
    func next() async throws -> ClientFrame {
        for await frame in frames where frame.type != 8 { return frame }
        throw Unexpected(text: "the client has closed the connection")
    }

    /// Answers each heartbeat, from a thread of its own: a test may be slow.
    func answerHeartbeats() { descriptor.answersHeartbeats.withLock { $0 = true } }

    /// Waits for a heartbeat.
    func heartbeat() async throws {
        for await frame in frames where frame.type == 8 { return }
        throw Unexpected(text: "the client has closed the connection")
    }

    /// The next frame, which must be this method; content frames are stepped over.
    @discardableResult
    func expect(_ method: MethodID, channel: UInt16 = 1) async throws -> ClientFrame {
        var frame = try await next()
        while frame.method == nil { frame = try await next() }
        guard frame.method == method, frame.channel == channel else {
            throw Unexpected(text: "\(String(describing: frame.method)) came instead of \(method)")
        }
        return frame
    }

    /// The next two frames, which must be these methods.
    func expect(_ method: MethodID, after first: MethodID, channel: UInt16 = 1) async throws {
        try await expect(first, channel: channel)
        try await expect(method, channel: channel)
    }

    /// Answers the next method, which must be `method`, with `reply` and no arguments that matter.
    func answer(_ method: MethodID, with reply: MethodID, channel: UInt16 = 1) async throws {
        try await expect(method, channel: channel)
        send(ServerFrames.method(reply, channel: channel))
    }

    /// Answers a declaration of a queue with its exchange and binding.
    func answerDeclaration(channel: UInt16) async throws {
        try await answer(.exchangeDeclare, with: .exchangeDeclareOK, channel: channel)
        try await answer(.queueDeclare, with: .queueDeclareOK, channel: channel)
        try await answer(.queueBind, with: .queueBindOK, channel: channel)
    }
}
