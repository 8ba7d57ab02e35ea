public import CeleryProtocol

/// An open connection for publishing. When the connection breaks, every call fails until a new producer is made.
public protocol Producer: Sendable {
    /// Publishes a message and returns when the broker has taken responsibility for it.
    ///
    /// Many calls at once share the connection and its writes.
    ///
    /// - Throws: ``TransportError``; with the code `connectionLost` it is unknown whether the message arrived. Or
    ///   `CancellationError`, at once when the calling task is cancelled, and with the same doubt.
    func publish(_ message: Message, to destination: Destination) async throws

    /// Waits for what is under way and closes the connection. Further calls fail.
    func close() async
}
