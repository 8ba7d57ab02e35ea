internal import CeleryTransport

extension KombuKeys {
    /// Checks that a name from outside can be a queue's.
    ///
    /// A queue is a list under its own name: one that is named as a key of kombu's, of Celery's results or of this
    /// package would take that key's place, and all queues of the database would stand still.
    func checkQueue(_ name: String) throws(TransportError) {
        guard isReserved(name) else { return }
        throw TransportError(
            .rejected,
            name.isEmpty
                ? "a queue on Redis needs a name"
                : "\(name.prefix(100).debugDescription) is a key of Celery's own on Redis and cannot be a queue")
    }

    /// Whether no queue can have this name.
    func isReserved(_ name: String) -> Bool {
        name.isEmpty || [unacked, unackedIndex, unackedMutex].contains(name)
            || Self.reservedPrefixes.contains { name.hasPrefix($0) }
    }

    private static let reservedPrefixes = [
        "_kombu.binding", "celery-task-meta-", "celery-taskset-meta-", "unacked_swift_",
    ]
}
