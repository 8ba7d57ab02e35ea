internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// The time that a command may take in all, `--timeout`, whatever the broker does.
struct CommandDeadline: Sendable {
    /// How long is waited for a client's end when there is no limit for the command.
    private static let closing = Duration.seconds(30)
    /// What keeps the deadline by itself gets so much longer, as it knows why it is late.
    private static let grace = Duration.seconds(2)

    private let end: ContinuousClock.Instant?
    private let timeout: Duration?

    /// - Parameter timeout: `nil` for no limit.
    init(_ timeout: Duration?) {
        self.timeout = timeout
        end = timeout.map { .now + $0 }
    }

    /// What is left; `nil` for no limit.
    var remaining: Duration? { end.map { max(.zero, $0 - .now) } }

    /// Does something in time.
    ///
    /// When the time is over `body` is left to itself: the process ends.
    ///
    /// - Parameter late: what is said then; gets the timeout.
    /// - Throws: what `body` throws; ``CeleryError`` when the time is over.
    func limit<Value: Sendable>(
        late: (Duration) -> String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await limit(until: end, late, body)
    }

    /// Waits for a task's value. When that comes too late the error says why, if the result backend is out of reach.
    ///
    /// - Throws: as `TaskHandle.value(timeout:)`.
    func value<Output>(of task: TaskHandle<Output>) async throws -> Output {
        let late = { (timeout: Duration) in "task \(task.id) has not ended within \(timeout)" }
        do {
            return try await limit(until: end.map { $0 + Self.grace }, late) { [remaining] in
                try await task.value(timeout: remaining)
            }
        } catch let error as CeleryError where error.code == .timedOut {
            let why = error.underlyingError.map { ": the result backend is out of reach: \($0)" } ?? ""
            throw CeleryError(.timedOut, late(timeout ?? .zero) + why)
        }
    }

    /// Waits for the tasks of a group, with a bar on a terminal.
    ///
    /// - Returns: how each has ended, in order.
    /// - Throws: as `GroupHandle.results(timeout:)`.
    func ends(of group: GroupHandle<JSONValue>) async throws -> [TaskResult] {
        let bar = ProgressBar(total: group.tasks.count)
        defer { bar.end() }
        let ends = Locked([TaskResult?](repeating: nil, count: group.tasks.count))
        let late = { (timeout: Duration) in
            "\(bar.done) of the \(group.tasks.count) tasks of the group \(group.id) have ended within \(timeout)"
        }
        try await limit(until: end.map { $0 + Self.grace }, late) { [remaining] in
            for try await member in group.results(timeout: remaining) {
                ends.withLock { $0[member.position] = member.result }
                bar.advance(isFailure: member.result.failure != nil)
            }
        }
        return ends.withLock { $0.compactMap { $0 } }
    }

    private func limit<Value: Sendable>(
        until end: ContinuousClock.Instant?, _ late: (Duration) -> String,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let waiter = Waiter<Value?>()
        guard let value = try await waiter.value(until: end, after: { waiter.settle(.success(try await body())) })
        else {
            throw CeleryError(.timedOut, late(timeout ?? .zero))
        }
        return value
    }

    /// Runs what a command does with its client, and closes the client, in time.
    func closing<Value>(_ client: CeleryClient, _ body: () async throws -> Value) async throws -> Value {
        let outcome = await Result { try await body() }
        if case .failure(let error as CeleryError) = outcome, error.code == .timedOut { throw error }
        let closed = Waiter<Void?>()
        _ = try await closed.value(until: end ?? .now + Self.closing) {
            await client.close()
            closed.settle(.success(()))
        }
        return try outcome.get()
    }
}
