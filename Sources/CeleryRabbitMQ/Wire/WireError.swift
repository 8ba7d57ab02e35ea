/// Bytes from the server that are not AMQP 0-9-1.
struct WireError: Error, Sendable, Equatable {
    /// What is wrong, in a few words.
    let reason: String
}
