internal import CeleryTransport

/// Keeps the right to send a chord's body as long as this object is there: others take it from a worker that has died, and
/// not from one that a broker keeps waiting.
final class ClaimKeeper: Sendable {
    private let renewals: Task<Void, Never>

    /// - Parameter limit: for how long the right is kept each time, without a sign of life. It is renewed three times as
    ///   often.
    init(_ claim: ChordClaim, in store: any ResultStore, for limit: Duration) {
        renewals = Task {
            do {
                while true {
                    try await Task.sleep(for: limit / 3)
                    do {
                        guard try await store.extend(claim, for: limit) else { return }
                    } catch  where RetryBudget.mayPass(error) {
                        // The next time, perhaps. If not, somebody else sends the body too, and one of the two runs.
                    }
                }
            } catch {
                // Cancelled, or the backend refuses: then it expires.
            }
        }
    }

    deinit { renewals.cancel() }
}
