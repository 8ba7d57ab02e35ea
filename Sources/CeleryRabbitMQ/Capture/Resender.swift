internal import CeleryProtocol
internal import CeleryTransport

/// Publishes captured messages with confirms, some at a time, and keeps count of what became of each.
final class Resender {
    private static let window = 100
    /// A larger one may be more than the server takes.
    private static let largestOfMany = 1 << 20

    private struct Publish {
        let position: Int
        let queue: String
        let body: [UInt8]
    }

    private let session: AMQPSession
    private var confirms = ConfirmTracker<Publish>()
    private(set) var report = ResendReport()

    init(_ session: AMQPSession) throws {
        self.session = session
        try askForConfirms()
    }

    private func askForConfirms() throws {
        _ = try session.call(.confirmSelectOK) { $0.confirmSelect(AMQPSession.channel) }
    }

    /// The properties and the body of a captured message, byte for byte as they were where it comes from RabbitMQ.
    static func content(of message: ResentMessage) throws(TransportError) -> (properties: [UInt8], body: [UInt8]) {
        if message.fields["raw"] == nil, message.fields["raw_base64"] == nil, let body = message.fields.bytes("body") {
            if message.fields["content"] != nil || message.fields["content_base64"] != nil {
                guard let content = message.fields.bytes("content"), TypedProperties.areProperties(content) else {
                    throw TransportError(.rejected, "content_base64 holds no properties of AMQP")
                }
                return (content, body)
            }
            guard let properties = TypedProperties(message.fields)?.encoded() else {
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

    /// Sends the messages in their order, and says in ``report`` what became of them.
    func resend(_ messages: [ResentMessage]) {
        do {
            for message in messages {
                if session.isCancelled() {
                    try confirm(downTo: 0)
                    throw CancellationError()
                }
                try resend(message)
            }
            try confirm(downTo: 0)
        } catch {
            let fault = error as? ServerFault
            report.end = fault.map { Self.refusal($0, of: "a message") } ?? error
            for position in confirms.removeAll().map(\.position) where report.failures[position] == nil {
                // Who may not send has sent none.
                if let fault, fault.code == 403 {
                    report.failures[position] = Self.refusal(fault, of: "it")
                } else {
                    report.unknown.append(position)
                }
            }
        }
    }

    private func resend(_ message: ResentMessage) throws {
        let position = report.tried
        var output = WireWriter()
        let publish: Publish
        let isAlone: Bool
        do throws(TransportError) {
            let (properties, body) = try Self.content(of: message)
            publish = Publish(position: position, queue: message.queue, body: body)
            isAlone = Self.mayBeRefused(properties, body)
            try output.publish(
                body, exchange: "", routingKey: message.queue, isMandatory: true, channel: AMQPSession.channel,
                frameMax: session.frameMax
            ) { $0.bytes.append(contentsOf: properties) }
        } catch {
            report.tried += 1
            report.failures[position] = error
            return
        }
        // Over a message that it refuses the server ends the channel and does not say which one it was.
        if isAlone { try confirm(downTo: 0) }
        report.tried += 1
        confirms.append(publish)
        try session.send { $0 = output }
        guard isAlone else { return try confirm(downTo: Self.window - 1) }
        do {
            try confirm(downTo: 0)
        } catch let fault as ServerFault {
            _ = confirms.removeAll()
            report.failures[position] = Self.refusal(fault, of: "it")
            try askForConfirms()
        }
    }

    /// Whether a message has something over which servers refuse one: with these none other is on its way.
    private static func mayBeRefused(_ properties: [UInt8], _ body: [UInt8]) -> Bool {
        let content: TypedProperties
        do throws(WireError) {
            content = try TypedProperties(properties)
        } catch {
            return true
        }
        func text(_ name: String) -> String? { content.properties[name]?.stringValue }
        let mode = content.properties["delivery_mode"]?.integerValue ?? 1
        let copies = ["CC", "BCC"].compactMap { content.headers[$0] }
        return body.count > largestOfMany || text("user_id") != nil || mode != 1 && mode != 2
            || text("expiration").map { UInt32($0) == nil } ?? false
            || text("reply_to")?.hasPrefix("amq.rabbitmq.reply-to") ?? false
            || copies.contains { AMQPField($0)?.type != .array }
    }

    private static func refusal(_ fault: ServerFault, of what: String) -> TransportError {
        TransportError(.rejected, "RabbitMQ refuses \(what): \(fault.text)", underlyingError: fault)
    }

    /// Waits until no more than so many wait for their confirmation.
    private func confirm(downTo count: Int) throws {
        var end = ContinuousClock.now + .seconds(30)
        var isEnding = false
        while confirms.count > count {
            if !isEnding, session.isCancelled() {
                // What was sent is as a rule confirmed at once, and then it is known.
                (isEnding, end) = (true, min(end, .now + .seconds(5)))
            }
            switch try session.next(within: .milliseconds(200), isCancellable: false) {
            case .method(.basicAck, var reader): _ = try resolve(&reader)
            case .method(.basicNack, var reader):
                for publish in try resolve(&reader) where report.failures[publish.position] == nil {
                    report.failures[publish.position] = TransportError(
                        .rejected,
                        "RabbitMQ does not take it; is the queue \(LogText.name(publish.queue)) at its limit?")
                }
            case .returned(let message, let fault): noteReturn(message, fault)
            case .method, .message, nil:
                guard end <= .now else { continue }
                if isEnding { throw CancellationError() }
                throw TransportError(.connectionLost, "RabbitMQ has not confirmed a message for 30 seconds")
            }
        }
    }

    private func resolve(_ reader: inout WireReader) throws -> [Publish] {
        let tag = try reader.integer(UInt64.self)
        return confirms.resolve(tag, multiple: try reader.octet() & 1 != 0)
    }

    /// A message comes back before it is confirmed, without its number.
    private func noteReturn(_ message: RawMessage, _ fault: ServerFault) {
        let publish = confirms.first { publish in
            publish.queue == message.routingKey && publish.body == message.body
                && report.failures[publish.position] == nil
        }
        guard let publish else { return }
        report.failures[publish.position] = TransportError(
            .rejected, "there is no queue \(LogText.name(publish.queue)) any more: \(fault.text)",
            underlyingError: fault)
    }
}
