/// Runs an operation that takes no notice of cancellation, such as connecting to a server that does not answer, and
/// leaves it to itself when the calling task is cancelled.
///
/// - Parameters:
///   - operation: what to run.
///   - cleanUp: called with what the operation came to in the end, if nobody waits for it any more.
/// - Throws: what the operation throws, or `CancellationError`.
package func withAbandonment<Value: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Value,
    cleanUp: @escaping @Sendable (Value) async -> Void
) async throws -> Value {
    try Task.checkCancellation()
    let waiter = Waiter<Value>()
    // On its own, because it may outlive the caller.
    Task {
        let outcome = await Result { try await operation() }
        if !waiter.settle(outcome), case .success(let value) = outcome { await cleanUp(value) }
    }
    return try await waiter.value()
}
