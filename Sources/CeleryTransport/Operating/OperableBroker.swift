package import CeleryProtocol
package import Logging

/// A broker whose queues an operator looks at and changes.
package protocol OperableBroker: CapturingBroker {
    /// Deletes the messages that wait in queues; what workers hold stays. A queue that is not there has none.
    ///
    /// - Returns: how many they were, for each queue in turn.
    /// - Throws: ``TransportError``; what was deleted until then is gone.
    func purge(_ queues: [String], logger: Logger) async throws -> [Int]

    /// How many messages queues have, each in turn. Nothing is changed, and no message is touched.
    ///
    /// - Throws: ``TransportError``.
    func reports(on queues: [String], logger: Logger) async throws -> [QueueReport]

    /// The queues that hold dead letters.
    ///
    /// - Throws: ``TransportError``, `unsupported` where they have any names.
    func deadLetterQueues(logger: Logger) async throws -> [String]

    /// Where the dead letters of a queue are that a user names.
    func deadLetterQueue(of queue: String) -> String

    /// Goes through the messages of a queue of dead letters, the oldest first, and does with each what `decide` says, which
    /// gets it in the form of the members of a case in a file of fixtures. What stays keeps its place. None is lost, whatever
    /// ends this when.
    ///
    /// - Returns: what became of them, also when the connection or the task ended before all were looked at.
    /// - Throws: ``TransportError`` when there was nothing to look at: there is no such queue, or no connection.
    func settleDeadLetters(
        in queue: String, logger: Logger, _ decide: @escaping @Sendable (JSONObject) throws -> DeadLetterFate
    ) async throws -> DeadLetterReport

    /// The queues that are bound to exchanges, ordered by their names.
    ///
    /// - Throws: ``TransportError``, `unsupported` where the broker does not tell.
    func bindings(logger: Logger) async throws -> [QueueBinding]
}
