internal import CeleryIO
public import CeleryProtocol
internal import CeleryTransport

/// A task that was sent: its id, its state and its result. Celery's `AsyncResult`.
public struct TaskHandle<Output: Sendable>: Sendable {
    /// The task's id. A handle can be made again from it; see ``CeleryClient/handle(for:id:)``.
    public let id: String
    let results: (any ResultStore)?
    let decodeOutput: @Sendable (JSONValue) throws -> Output
    /// When sending the task began, if that is where the handle comes from.
    private let sent: ContinuousClock.Instant?
    private let known: KnownResult
    /// Whether the worker was told to store no result.
    private let isIgnored: Bool
    /// The end of the task, if it was read already.
    var ended: TaskResult? { known.value }
    /// Of a result that is of another type, in an error.
    private static var longestValue: Int { 120 }

    init(
        id: String, results: (any ResultStore)?, sent: ContinuousClock.Instant? = nil, isIgnored: Bool = false,
        decodeOutput: @escaping @Sendable (JSONValue) throws -> Output
    ) {
        self.id = id
        self.results = results
        self.sent = sent
        self.isIgnored = isIgnored
        self.decodeOutput = decodeOutput
        known = KnownResult(id: id, in: results, isSent: sent != nil)
    }

    /// Waits for the task to end and returns what it returned.
    ///
    /// A result backend that is out of reach is tried again, until the timeout or until the caller is cancelled.
    ///
    /// - Parameter timeout: how long to wait; `nil` for as long as it takes.
    /// - Throws: `TaskFailure` when the task has failed, was revoked or had expired; ``CeleryError`` with the code
    ///   `timedOut`, `undecodableResult` or `noResultBackend`, which is also that of a task sent with
    ///   ``SendOptions/ignoreResult``; `TransportError` when the result backend refuses.
    public func value(timeout: Duration? = nil) async throws -> Output {
        try await value(timeout: timeout, decodeOutput)
    }

    private func value<Value>(timeout: Duration?, _ decode: (JSONValue) throws -> Value) async throws -> Value {
        let result = try await end(timeout: timeout)
        if let failure = result.failure { throw failure }
        return try self.decode(result.result, decode)
    }

    /// What the task returned, from the JSON that is stored.
    func decode<Value>(_ value: JSONValue, _ decode: (JSONValue) throws -> Value) throws -> Value {
        do {
            return try decode(value)
        } catch {
            let text = LogText(PythonRepr.saferepr(value, maximumLength: Self.longestValue))
            throw CeleryError(
                .undecodableResult, "task \(id) returned \(text), which is no \(Value.self): \(DecodingFailure(error))",
                underlyingError: error)
        }
    }

    /// Waits for the task to end and returns what it returned, for tasks that were sent by their name.
    ///
    ///     let size = try await client.enqueue(named: "images.size", arguments: [path]).value(as: Size.self)
    ///
    /// - Parameters:
    ///   - type: what the result is; whatever is `Decodable`.
    ///   - timeout: how long to wait; `nil` for as long as it takes.
    /// - Throws: as ``value(timeout:)``.
    public func value<Value: Decodable & Sendable>(as type: Value.Type, timeout: Duration? = nil) async throws -> Value
    where Output == JSONValue {
        try await value(timeout: timeout) { try JSONValueDecoder().decode(type, from: $0) }
    }

    /// The state of the task as the result backend knows it now; PENDING when it knows nothing.
    public func status() async throws -> TaskState {
        try await result()?.state ?? .pending
    }

    /// All that the result backend knows of the task now; `nil` when that is nothing.
    public func result() async throws -> TaskResult? {
        if let known = known.value { return known }
        return try await read(try store)
    }

    /// The states of the task from now on, custom ones with their data among them, up to the task's end.
    public func updates() async throws -> AsyncThrowingStream<TaskResult, any Error> {
        if let known = known.value {
            return AsyncThrowingStream { continuation in
                continuation.yield(known)
                continuation.finish()
            }
        }
        return try await storeOfWanted.updates(of: id)
    }

    /// Removes the result from the backend.
    public func forget() async throws {
        try await store.forget(id)
        disown()
    }

    /// Forgets what was read of the result.
    func disown() { known.value = nil }

    var store: any ResultStore {
        get throws {
            guard let results else {
                throw CeleryError(.noResultBackend, "the client was made without a result backend")
            }
            return results
        }
    }

    /// The store, for a question that waits for the end.
    var storeOfWanted: any ResultStore {
        get throws {
            let store = try store
            try checkIsWanted()
            return store
        }
    }

    /// - Throws: ``CeleryError`` when the result is stored nowhere.
    func checkIsWanted() throws {
        guard !isIgnored else {
            throw CeleryError(.noResultBackend, "task \(id) was sent with ignoreResult: its result is stored nowhere")
        }
    }

    private func end(timeout: Duration?) async throws -> TaskResult {
        if let known = known.value { return known }
        let store = try storeOfWanted
        let wait = ResultWait(timeout: timeout)
        do {
            let result = try await wait.answer { try await end(in: store, until: $0, isHeard: $1) }
            guard let result else { throw wait.timedOut("task \(id) has not ended") }
            return claim(result, store)
        } catch let error as MessageError {
            throw unreadable(error)
        }
    }

    /// Waits for the end of the task; `nil` when it has not come in time.
    ///
    /// - Parameter isHeard: called when the store has taken the question.
    private func end(
        in store: any ResultStore, until deadline: ContinuousClock.Instant?, isHeard: @escaping @Sendable () -> Void
    ) async throws -> TaskResult? {
        let waiter = Waiter<TaskResult?>()
        let watcher = ResultWatcher(sent: sent) { update in
            if case .success(let result) = update, !result.state.isReady { return }
            waiter.settle(update.map(Optional.some))
        }
        defer { watcher.end() }
        return try await waiter.value(until: deadline) {
            // A copy of this handle may have got it meanwhile, and a store that gives it once has none then.
            do {
                try await store.watch(id, watcher)
                if let known = known.value { watcher.receive(.success(known)) }
            } catch {
                guard let known = known.value else { throw error }
                watcher.receive(.success(known))
            }
            isHeard()
        }
    }

    private func read(_ store: any ResultStore) async throws -> TaskResult? {
        do {
            guard let result = try await store.result(of: id) else { return nil }
            return result.state.isReady ? claim(result, store) : result
        } catch let error as MessageError {
            throw unreadable(error)
        } catch {
            // A copy of this handle may have got it meanwhile.
            if let known = known.value { return known }
            throw error
        }
    }

    /// Kept first: whoever misses it in the store finds it here.
    @discardableResult
    func claim(_ result: TaskResult, _ store: any ResultStore) -> TaskResult {
        known.value = result
        store.claim(id)
        return result
    }

    func unreadable(_ error: MessageError) -> CeleryError {
        CeleryError(
            .undecodableResult, "what is stored as the result of task \(id) cannot be read: \(error.reason)",
            underlyingError: error)
    }
}

extension TaskHandle: CustomStringConvertible {
    /// `task` and its id.
    public var description: String { "task \(id)" }
}
