internal import CeleryIO
internal import CeleryTransport

/// How long a worker goes on with what the broker or the result backend does not take at the moment: as long as it runs,
/// and a few tries more when it ends.
final class RetryBudget: Sendable {
    /// The tries of one thing so far.
    struct Tries: Sendable {
        fileprivate var schedule = RetrySchedule(first: .milliseconds(50), maximum: .seconds(10))
        fileprivate var lastSchedule = RetrySchedule(first: .milliseconds(200), maximum: .seconds(2))

        /// There was progress: the waits are short again.
        mutating func reset() { schedule.reset() }
    }

    /// So many tries more there are when the worker ends.
    private static let lastTries = 4

    private struct State {
        var isEnding = false
        var pauses: [Int: Task<Void, Never>] = [:]
        var number = 0
    }

    private let state = Locked(State())

    /// Waits before the next try; `false` at once when there is not to be another one.
    ///
    /// The calling task's cancellation does not cut the wait short, ``end()`` does.
    func pause(_ tries: inout Tries) async -> Bool {
        let isLast = state.withLock { $0.isEnding }
        if isLast, tries.lastSchedule.failures >= Self.lastTries { return false }
        let delay = isLast ? tries.lastSchedule.nextDelay() : tries.schedule.nextDelay()
        // The last waits are short, and are not cut.
        await wait(delay, isCut: !isLast)
        return true
    }

    /// Waits so long, or until the worker ends; `false` when it does.
    func wait(_ delay: Duration) async -> Bool {
        await wait(delay, isCut: true)
        return !state.withLock { $0.isEnding }
    }

    private func wait(_ delay: Duration, isCut: Bool) async {
        let (number, pause) = state.withLock { state in
            state.number += 1
            // Belongs to the caller, which waits for it; on its own so that only `end` cancels it.
            let pause = Task {
                do {
                    try await Task.sleep(for: delay)
                } catch {
                    // There is no time to lose any more.
                }
            }
            if isCut {
                if state.isEnding { pause.cancel() }
                state.pauses[state.number] = pause
            }
            return (state.number, pause)
        }
        await pause.value
        state.withLock { $0.pauses[number] = nil }
    }

    /// The worker ends.
    func end() {
        let pauses = state.withLock { state in
            state.isEnding = true
            return Array(state.pauses.values)
        }
        for pause in pauses { pause.cancel() }
    }

    /// Whether the broker or the backend as a whole is out of order, which somebody will see to.
    static func mayPass(_ error: any Error) -> Bool {
        guard let error = error as? TransportError else { return false }
        return error.isPassing(afterSuccess: true)
    }
}
