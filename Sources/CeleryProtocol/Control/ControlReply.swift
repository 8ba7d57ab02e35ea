/// What a node answers to a ``ControlRequest``.
public struct ControlReply: Sendable, Hashable {
    /// The name of the node.
    public var node: String
    /// What it says: each command has a shape of its own; `{"error": text}` when it failed.
    public var value: JSONValue
    /// That of the request.
    public var ticket: String?
    /// The node's logical clock.
    public var clock: Int?

    /// Makes a reply.
    public init(node: String, value: JSONValue, ticket: String? = nil, clock: Int? = nil) {
        self.node = node
        self.value = value
        self.ticket = ticket
        self.clock = clock
    }

    /// The message; of the kind that does not survive a restart of the broker.
    public var message: Message {
        let body: JSONObject = [node: value]
        return Message(
            headers: ["ticket": ticket.map(JSONValue.string) ?? .null, "clock": .integer(clock ?? 0)],
            properties: MessageProperties(deliveryMode: 1, priority: 0), body: body.serialized())
    }

    /// Reads the replies of a message: kombu's own have one each.
    ///
    /// - Throws: ``MessageError`` for a message that is none.
    public static func replies(of message: Message) throws(MessageError) -> [ControlReply] {
        let (ticket, clock) = (message.headers["ticket"]?.stringValue, message.headers["clock"]?.integerValue)
        return try message.controlBody.map { ControlReply(node: $0, value: $1, ticket: ticket, clock: clock) }
    }
}

extension JSONValue {
    /// What a command answers that has done what it was asked for.
    package static func ok(_ value: JSONValue) -> JSONValue { ["ok": value] }
    /// What a command answers that has not.
    package static func error(_ text: String) -> JSONValue { ["error": .string(text)] }
}
