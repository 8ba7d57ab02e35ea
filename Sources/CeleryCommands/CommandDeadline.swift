internal import Celery
internal import CeleryTransport

/// The time that a command may take in all, `--timeout`, whatever the broker does.
struct CommandDeadline: Sendable {
    /// How long is waited for a client's end when there is no limit for the command.
    private static let closing = Duration.seconds(30)

    private let end: ContinuousClock.Instant?
    private let timeout: Duration?

    /// - Parameter timeout: in seconds; `nil` for no limit.
    init(_ timeout: Double?) {
        self.timeout = timeout.map { .seconds($0) }
        end = self.timeout.map { .now + $0 }
    }

    /// What is left; `nil` for no limit.
    var remaining: Duration? { end.map { max(.zero, $0 - .now) } }

    /// Runs what a command does with its client, and closes the client.
    ///
    /// When the time is over `body` and the client are left to themselves: the process ends.
    ///
    /// - Parameter late: what is said then; gets the timeout.
    /// - Throws: what `body` throws; ``CeleryError`` when the time is over.
    func run<Value: Sendable>(
        _ client: CeleryClient,
        late: @escaping @Sendable (Duration) -> String,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let waiter = Waiter<Value?>()
        let outcome = await Result {
            try await waiter.value(until: end) { waiter.settle(.success(try await body())) }
        }
        if case .success(nil) = outcome {
            throw CeleryError(.timedOut, late(timeout ?? .zero))
        }
        let closed = Waiter<Void?>()
        _ = try await closed.value(until: end ?? .now + Self.closing) {
            await client.close()
            closed.settle(.success(()))
        }
        guard let value = try outcome.get() else { throw CancellationError() }
        return value
    }
}
