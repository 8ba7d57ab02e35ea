public import CeleryProtocol
internal import CeleryTransport

/// A task that was sent: its id, its state and its result. Celery's `AsyncResult`.
public struct TaskHandle<Output: Sendable>: Sendable {
    /// The task's id. A handle can be made again from it; see ``CeleryClient/handle(for:id:)``.
    public let id: String
    let results: (any ResultStore)?
    let decodeOutput: @Sendable (JSONValue) throws -> Output

    /// Waits for the task to end and returns what it returned.
    ///
    /// - Parameter timeout: how long to wait; `nil` for as long as it takes.
    /// - Throws: ``TaskFailure`` when the task has failed, was revoked or had expired; ``CeleryError`` with the code
    ///   `timedOut`, `undecodableResult` or `noResultBackend`; `TransportError` when the result backend fails.
    public func value(timeout: Duration? = nil) async throws -> Output {
        let result = try await end(timeout: timeout)
        if let failure = result.failure { throw failure }
        do {
            return try decodeOutput(result.result)
        } catch {
            throw CeleryError(
                .undecodableResult, "task \(id) returned something else than \(Output.self): \(DecodingFailure(error))",
                underlyingError: error)
        }
    }

    /// The state of the task as the result backend knows it now; PENDING when it knows nothing.
    public func status() async throws -> TaskState {
        try await result()?.state ?? .pending
    }

    /// All that the result backend knows of the task now; `nil` when that is nothing.
    public func result() async throws -> TaskResult? {
        try await store.result(of: id)
    }

    /// The states of the task from now on, custom ones with their data among them, up to the task's end.
    public func updates() async throws -> AsyncThrowingStream<TaskResult, any Error> {
        try await store.updates(of: id)
    }

    /// Removes the result from the backend.
    public func forget() async throws {
        try await store.forget(id)
    }

    private var store: any ResultStore {
        get throws {
            guard let results else {
                throw CeleryError(.noResultBackend, "the client was made without a result backend")
            }
            return results
        }
    }

    private func end(timeout: Duration?) async throws -> TaskResult {
        guard let timeout else { return try await end() }
        guard let result = try await withTimeout(timeout, end) else {
            throw CeleryError(.timedOut, "task \(id) has not ended within \(timeout)")
        }
        return result
    }

    private func end() async throws -> TaskResult {
        let store = try store
        while true {
            do {
                // Cheaper than a subscription, and enough when the task has already ended.
                if let result = try await store.result(of: id), result.state.isReady { return result }
                for try await result in try await store.updates(of: id) where result.state.isReady { return result }
                try Task.checkCancellation()
            } catch let error as TransportError where error.code == .connectionLost {
                // The result is still coming; the next subscription is made on a new connection.
                try Task.checkCancellation()
            }
        }
    }
}
