internal import CeleryIO
internal import CeleryTransport

/// A wait for results that goes on while the result backend is out of reach, until a timeout.
final class ResultWait: Sendable {
    private let timeout: Duration?
    private let deadline: ContinuousClock.Instant?
    /// Why the last question failed, until one is heard.
    private let obstacle = Locked<(any Error)?>(nil)

    /// - Parameter timeout: `nil` for as long as it takes.
    init(timeout: Duration?) {
        self.timeout = timeout
        deadline = timeout.map { .now + $0 }
    }

    /// Asks, and asks anew whenever the backend was lost: the next question is put on a new connection.
    ///
    /// - Parameter ask: waits until the deadline that it is given and calls `isHeard` when the store has taken the question;
    ///   `nil` when the time is over.
    /// - Returns: what it returned.
    /// - Throws: what it throws that does not pass.
    func answer<Value>(
        _ ask: (_ deadline: ContinuousClock.Instant?, _ isHeard: @escaping @Sendable () -> Void) async throws -> Value?
    ) async throws -> Value? {
        try await retrying(RetrySchedule(maximum: .seconds(5))) { error in
            (error as? TransportError)?.isRetriable ?? false
        } willRetry: { error, _ in
            self.obstacle.withLock { $0 = error }
        } pause: { delay in
            let next = ContinuousClock.now + delay
            try await Task.sleep(until: min(next, self.deadline ?? next))
        } _: { schedule in
            // A store that fails at once would be asked for ever.
            if let deadline = self.deadline, deadline <= .now, self.obstacle.withLock({ $0 != nil }) { return nil }
            let wasHeard = Locked(false)
            do {
                return try await ask(self.deadline) {
                    wasHeard.withLock { $0 = true }
                    self.obstacle.withLock { $0 = nil }
                }
            } catch {
                if wasHeard.withLock({ $0 }) { schedule.reset() }
                throw error
            }
        }
    }

    /// The error for what has not come in time.
    ///
    /// - Parameter what: what is waited for, with its verb.
    func timedOut(_ what: String) -> CeleryError {
        let obstacle = obstacle.withLock { $0 }
        let why = obstacle.map { ": the result backend is out of reach: \(LogText($0))" } ?? ""
        return CeleryError(.timedOut, "\(what) within \(timeout ?? .zero)\(why)", underlyingError: obstacle)
    }
}
