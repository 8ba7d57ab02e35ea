internal import CeleryProtocol
internal import CeleryTransport

/// Publishes with confirms, some at a time.
final class Resender {
    private static let window = 100
    static let refusal = TransportError(.rejected, "RabbitMQ did not take the message")

    private let session: AMQPSession
    private var confirms = ConfirmTracker<Int>()
    /// Whether the server has ended the channel, so that nothing more can be sent.
    private(set) var hasFailed = false

    init(_ session: AMQPSession) throws {
        self.session = session
        _ = try session.call(.confirmSelectOK) { $0.confirmSelect(AMQPSession.channel) }
    }

    /// The properties and the body of a captured message, byte for byte as they were where it comes from RabbitMQ.
    static func content(of message: ResentMessage) throws(TransportError) -> (properties: [UInt8], body: [UInt8]) {
        if message.fields["raw"] == nil, message.fields["raw_base64"] == nil, let body = message.fields.bytes("body") {
            if let content = message.fields.bytes("content") { return (content, body) }
            guard let properties = TypedProperties(message.fields).encoded() else {
                throw TransportError(.rejected, "a property or a header has a value that does not fit its type")
            }
            return (properties, body)
        }
        let read: Message
        do {
            read = try message.message.get()
        } catch {
            throw TransportError(.rejected, "\(error)", underlyingError: error)
        }
        var writer = WireWriter()
        try writer.properties(of: read)
        return (writer.bytes, read.body)
    }

    /// Publishes; waits for confirmations when many are under way.
    ///
    /// - Returns: those that the server did not take.
    func send(_ properties: [UInt8], _ body: [UInt8], to queue: String, as number: Int) throws(TransportError) -> [Int]
    {
        try attempt {
            let frameMax = session.frameMax
            try session.send { writer throws(TransportError) in
                try writer.publish(
                    body, exchange: "", routingKey: queue, channel: AMQPSession.channel, frameMax: frameMax
                ) { $0.bytes.append(contentsOf: properties) }
            }
            confirms.append(number)
            return try confirm(downTo: Self.window - 1)
        }
    }

    /// Waits for the rest of the confirmations.
    func finish() throws(TransportError) -> [Int] {
        try attempt { try confirm(downTo: 0) }
    }

    private func confirm(downTo count: Int) throws -> [Int] {
        var refused: [Int] = []
        let end = ContinuousClock.now + .seconds(30)
        while confirms.count > count {
            guard case .method(let id, var reader) = try session.next(within: .milliseconds(200)) else {
                guard .now < end else {
                    throw TransportError(.connectionLost, "RabbitMQ has not confirmed a message for 30 seconds")
                }
                continue
            }
            guard id == .basicAck || id == .basicNack else { continue }
            let tag = try reader.integer(UInt64.self)
            let resolved = confirms.resolve(tag, multiple: try reader.octet() & 1 != 0)
            if id == .basicNack { refused += resolved }
        }
        return refused
    }

    private func attempt<Value>(_ body: () throws -> Value) throws(TransportError) -> Value {
        do {
            return try body()
        } catch let error as TransportError {
            hasFailed = true
            throw error
        } catch let fault as ServerFault {
            hasFailed = true
            throw TransportError(
                .rejected,
                "RabbitMQ refused one of the last \(confirms.count) messages, and nothing is known of these: \(fault.text)",
                underlyingError: fault)
        } catch {
            hasFailed = true
            throw TransportError(.connectionLost, "the connection is lost: \(error)", underlyingError: error)
        }
    }
}
