internal import CeleryTransport
internal import Synchronization

/// Whether the worker is connected to its broker: kept by the ``Intake``, and looked at by what is not to connect by itself
/// while the broker is away.
final class ConnectionState: Sendable {
    private let isUp = Atomic(false)
    /// Signalled when there is a connection, again or for the first time; one task may wait for it.
    let opened = WakeSignal()

    /// Whether there is a connection.
    var isOpen: Bool { isUp.load(ordering: .relaxed) }

    func open() {
        isUp.store(true, ordering: .relaxed)
        opened.signal()
    }

    func close() { isUp.store(false, ordering: .relaxed) }
}
