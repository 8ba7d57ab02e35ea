internal import CeleryProtocol

/// What tells a message from others when it is delivered again, perhaps over another connection: RabbitMQ has no names
/// for messages, but a task's id together with the number of its retries is as good as one.
struct MessageIdentity: Sendable, Hashable {
    private let id: String
    private let retries: Int
    private let size: Int

    /// `nil` for a message without an id.
    init?(_ message: Message) {
        guard let id = message.properties.correlationID ?? message.headers["id"]?.stringValue, !id.isEmpty else {
            return nil
        }
        self.id = id
        retries = message.headers["retries"]?.integerValue ?? 0
        size = message.body.count
    }
}
