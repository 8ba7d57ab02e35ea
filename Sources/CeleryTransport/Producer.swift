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

    /// Publishes messages, as one call of ``publish(_:to:)`` for each would, and returns when the broker has taken
    /// responsibility for all that it takes.
    ///
    /// - Returns: what went wrong, by the position in `messages`; empty when all are published.
    func publish(contentsOf messages: [(message: Message, destination: Destination)]) async -> [Int: any Error]

    /// Waits for what is under way and closes the connection. Further calls fail.
    func close() async
}

extension Producer {
    /// Publishes all messages at once, in no particular order.
    public func publish(
        contentsOf messages: [(message: Message, destination: Destination)]
    ) async -> [Int: any Error] {
        await withTaskGroup(of: (Int, (any Error)?).self) { group in
            for (position, (message, destination)) in messages.enumerated() {
                group.addTask {
                    do {
                        try await publish(message, to: destination)
                        return (position, nil)
                    } catch {
                        return (position, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { failures, outcome in failures[outcome.0] = outcome.1 }
        }
    }
}
