#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A remote control request: what `celery inspect` and `celery control` send to all workers (kombu's mailbox).
public struct ControlRequest: Sendable, Hashable {
    /// Where the reply to a request goes.
    public struct ReplyAddress: Sendable, Hashable {
        /// The exchange, `reply.celery.pidbox` by default.
        public var exchange: String
        /// The routing key: an id of the client's own.
        public var routingKey: String

        /// Makes an address.
        public init(exchange: String, routingKey: String) {
            self.exchange = exchange
            self.routingKey = routingKey
        }
    }

    /// The name of the command.
    public var method: String
    /// The command's arguments.
    public var arguments: JSONObject
    /// Whom it is meant for.
    public var audience: NodeAudience
    /// What the reply refers to; `nil` when none is wanted.
    public var ticket: String?
    /// Where the reply goes; `nil` when none is wanted.
    public var replyTo: ReplyAddress?
    /// The sender's logical clock.
    public var clock: Int?

    /// Makes a request; without an address for replies nobody replies.
    public init(
        _ method: String, arguments: JSONObject = [:], audience: NodeAudience = .all, ticket: String? = nil,
        replyTo: ReplyAddress? = nil, clock: Int? = nil
    ) {
        self.method = method
        self.arguments = arguments
        self.audience = audience
        self.ticket = ticket
        self.replyTo = replyTo
        self.clock = clock
    }
}

extension ControlRequest {
    /// Reads a request.
    ///
    /// - Throws: ``MessageError`` for a message that is none: Python's worker logs it and goes on.
    public init(_ message: Message) throws(MessageError) {
        let body = try message.controlBody
        guard let method = body["method"]?.stringValue else {
            throw MessageError(.undecodable, "a control request has no method")
        }
        let arguments = body["arguments"] ?? .null
        guard let named = arguments.isTruthy ? arguments.objectValue : [:] else {
            throw .invalid("arguments", arguments)
        }
        self.init(
            method, arguments: named, audience: try NodeAudience(body), clock: message.headers["clock"]?.integerValue)
        ticket = body["ticket"]?.stringValue
        guard let address = body["reply_to"], address.isTruthy else { return }
        guard let exchange = address.objectValue?["exchange"]?.stringValue,
            let routingKey = address.objectValue?["routing_key"]?.stringValue
        else { throw .invalid("reply_to", address) }
        replyTo = ReplyAddress(exchange: exchange, routingKey: routingKey)
    }

    /// The message.
    ///
    /// - Parameter expires: until when a reply is waited for; `nil` when none is.
    public func message(expires: Date? = nil) -> Message {
        var body: JSONObject = ["method": .string(method), "arguments": .object(arguments)]
        audience.write(to: &body)
        if let ticket { body["ticket"] = .string(ticket) }
        if let replyTo {
            body["reply_to"] = ["exchange": .string(replyTo.exchange), "routing_key": .string(replyTo.routingKey)]
        }
        return Message(
            headers: [
                "clock": .integer(clock ?? 0), "expires": expires.map { .double($0.timeIntervalSince1970) } ?? 0,
            ],
            body: body.serialized())
    }
}

extension Message {
    /// The object that a message of remote control holds.
    var controlBody: JSONObject {
        get throws(MessageError) {
            guard let object = try decodedBody(BodyLimits(), willRead: { _ in }).objectValue else {
                throw MessageError(.undecodable, "a message of remote control holds no object")
            }
            return object
        }
    }
}
