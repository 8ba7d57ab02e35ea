internal import CeleryIO

/// Which refusal is worth a line in the log: the first of its kind, until something succeeds.
final class RefusalLog: Sendable {
    private let last = Locked<RefusalKind?>(nil)

    /// The server has refused something; whether it is worth a line.
    func isNew(_ refusal: String) -> Bool {
        let kind = RefusalKind(refusal)
        return last.withLock { last in
            defer { last = kind }
            return last != kind
        }
    }

    /// Something has succeeded.
    func passed() {
        last.withLock { $0 = nil }
    }
}
