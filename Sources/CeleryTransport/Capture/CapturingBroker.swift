package import CeleryProtocol
package import Logging

/// A broker whose messages can be copied as they are without being taken, and sent again as they were.
package protocol CapturingBroker: Broker {
    /// Gets copies, in the form of the members of a case in a file of fixtures; whether more are wanted. Called by one
    /// thread at a time, which it may block.
    typealias Taker = @Sendable ([JSONObject]) throws -> Bool

    /// Copies messages that wait in a queue, the next one to be served first. Afterwards they are there in the same order.
    ///
    /// - Parameter limit: how many at most.
    /// - Throws: ``TransportError``, what `take` throws, or `CancellationError`: what was copied until then was taken.
    func look(at queue: Queue, upTo limit: Int, logger: Logger, _ take: @escaping Taker) async throws

    /// Copies messages that come, until no more are wanted. What this can see depends on the broker.
    ///
    /// - Throws: as ``look(at:upTo:logger:_:)``.
    func follow(_ queue: Queue, logger: Logger, _ take: @escaping Taker) async throws

    /// Sends messages to their queues, byte for byte as they were captured where this broker is of the same kind as
    /// the one that they come from.
    ///
    /// - Returns: why a message was not sent, by its position.
    /// - Throws: ``TransportError`` when the broker cannot be reached, or ends the connection.
    func resend(_ messages: [ResentMessage], logger: Logger) async throws -> [Int: TransportError]
}
