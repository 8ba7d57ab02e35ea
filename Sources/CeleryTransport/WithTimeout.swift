/// Runs an operation for a limited time. When the time is over the operation is cancelled and left to itself, so that
/// the limit holds whatever it does.
///
/// - Returns: what the operation returns; `nil` when the time was over before.
/// - Throws: what the operation throws, or `CancellationError`.
package func withTimeout<Value: Sendable>(
    _ timeout: Duration,
    _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try Task.checkCancellation()
    let waiter = Waiter<Value?>()
    // On its own, because it may outlive the caller.
    let task = Task { waiter.settle(await Result { try await operation() }) }
    let deadline = Deadlines.shared.add(.now + timeout) { waiter.settle(.success(nil)) }
    defer {
        Deadlines.shared.remove(deadline)
        task.cancel()
    }
    return try await waiter.value()
}
