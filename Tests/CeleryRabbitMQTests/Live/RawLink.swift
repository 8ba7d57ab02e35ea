import CeleryIO
import CeleryTransport

@testable import CeleryRabbitMQ

/// A connection that a test drives by itself, to do what this package never does.
struct RawLink {
    let link: AMQPLink
    var output = WireWriter()

    /// Connects, and writes the opening of channel 1.
    init() throws {
        link = try AMQPConnector.connect(to: [try RabbitMQAddress(LiveServer.url)], name: "test")
        output.channelOpen(1)
    }

    /// Sends what is written and says goodbye; when this returns the server has carried it out.
    ///
    /// - Returns: what the server has said.
    @discardableResult
    mutating func finish() async throws -> [ServerEvent] {
        try output.connectionClose()
        return try await send(until: .connectionCloseOK)
    }

    /// Sends what is written and waits for an answer, or for the end of the connection.
    ///
    /// - Returns: what the server has said.
    @discardableResult
    mutating func send(until answer: MethodID) async throws -> [ServerEvent] {
        defer { output = WireWriter() }
        var sent = 0
        var decoder = FrameDecoder()
        var events: [ServerEvent] = []
        while true {
            if sent < output.bytes.count {
                let outcome = try output.bytes.withUnsafeBytes { bytes throws(IOError) in
                    try link.stream.write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
                }
                if case .bytes(let count) = outcome { sent += count }
            }
            var hasEnded = false
            try decoder.fill { buffer throws(IOError) in
                switch try link.stream.read(into: buffer) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .endOfStream:
                    hasEnded = true
                    return 0
                }
            }
            try decoder.decode(into: &events)
            let isAnswered = events.contains { event in
                switch event {
                case .reply(answer, _), .connectionClosed: true
                default: false
                }
            }
            if hasEnded || isAnswered { return events }
            await Task.yield()
        }
    }
}
