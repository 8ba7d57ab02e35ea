package import CeleryProtocol
package import Logging

/// A broker whose messages can be copied as they are without being taken, and sent again as they were.
package protocol CapturingBroker: Broker {
    /// Gets copies, in the form of the members of a case in a file of fixtures; whether more are wanted. Called by one
    /// thread at a time, which it may block.
    typealias Receiver = @Sendable ([JSONObject]) throws -> Bool

    /// Copies messages that wait in a queue, the next one to be served first. Afterwards they are there in the same order.
    ///
    /// - Parameter limit: how many at most.
    /// - Throws: ``TransportError``, what `receive` throws, or `CancellationError`: what was copied until then was received.
    func capture(_ queue: Queue, upTo limit: Int, logger: Logger, _ receive: @escaping Receiver) async throws

    /// Copies messages that come, until no more are wanted. What this can see depends on the broker.
    ///
    /// - Throws: as ``capture(_:upTo:logger:_:)``.
    func follow(_ queue: Queue, logger: Logger, _ receive: @escaping Receiver) async throws

    /// Sends messages to their queues, byte for byte as they were captured where this broker is of the same kind as
    /// the one that they come from.
    ///
    /// - Returns: what became of them, also when the connection or the task ended before all were sent.
    /// - Throws: ``TransportError`` when nothing was sent, because the broker cannot be reached or has no such queue.
    func resend(_ messages: [ResentMessage], logger: Logger) async throws -> ResendReport
}
