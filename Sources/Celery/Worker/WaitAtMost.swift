internal import CeleryTransport

/// Waits for `operation` to end, but no longer than `limit`. Then it is cancelled and left to itself, so that the limit
/// holds whatever it does. The calling task's own cancellation does not cut the wait short.
///
/// - Returns: whether it has ended.
func waitAtMost(_ limit: Duration, for operation: @escaping @Sendable () async -> Void) async -> Bool {
    // Belongs to the caller, which waits for it, but is not cancelled with it.
    await Task {
        let end = Waiter<Bool?>()
        do {
            return try await end.value(until: .now + limit) {
                await operation()
                end.settle(.success(true))
            } ?? false
        } catch {
            return false
        }
    }.value
}
