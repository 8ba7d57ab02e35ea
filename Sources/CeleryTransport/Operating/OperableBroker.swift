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

    /// The queues that are bound to exchanges, ordered by their names.
    ///
    /// - Throws: ``TransportError``, `unsupported` where the broker does not tell.
    func bindings(logger: Logger) async throws -> [QueueBinding]
}
