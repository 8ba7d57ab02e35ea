internal import CeleryTransport

/// The failures of one message or result: finds out that it is poison, which fails for its own sake though its errors look
/// as if they would pass.
///
/// A server that is out of order is waited for as long as it takes. But a message or a result that fails again and again
/// while others pass, or with which one connection after the other is lost, will never be taken.
struct PoisonRecord: Sendable {
    /// So often may something fail while others pass.
    private static let mostAlone = 5
    /// So many connections may be lost with it, whether others pass or not. With the waits between the tries this takes
    /// about a minute.
    private static let mostLosses = 12

    private var alone = 0
    private var losses = 0

    /// Whether it should be tried by itself, so that it harms nobody else.
    var isSuspect: Bool { max(alone, losses) >= 2 }

    /// It has failed once more; whether it is to be given up.
    ///
    /// - Parameter haveOthersPassed: whether others have been taken since the last try.
    mutating func failed(_ error: any Error, haveOthersPassed: Bool) -> Bool {
        if haveOthersPassed { alone += 1 }
        if (error as? TransportError)?.code == .connectionLost { losses += 1 }
        return alone >= Self.mostAlone || losses >= Self.mostLosses
    }

    /// The error of what is given up, which does not pass.
    func finalError(_ error: any Error) -> TransportError {
        TransportError(
            .rejected, "given up after \(max(alone, losses)) tries: \(error)", underlyingError: error)
    }
}
