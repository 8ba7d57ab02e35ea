internal import CeleryIO
internal import CeleryProtocol
internal import Instrumentation

/// What a run leaves behind for what follows it, and how far it is: whoever ends it first, its handler or somebody else,
/// sees to what follows.
final class RunRecord: Sendable {
    /// What a run that was not ended by anybody else comes to, beside its outcome.
    struct Legacy: Sendable {
        let children: [JSONValue]
        let serviceContext: ServiceContext?
        let unlocked: UnlockedChord?
        /// Why it was cancelled, if it was.
        let cancellation: CancellationReason?
    }

    private struct State {
        var children: [JSONValue] = []
        var serviceContext: ServiceContext?
        var unlocked: UnlockedChord?
        var cancellation: CancellationReason?
        var hasEnded = false

        var legacy: Legacy {
            Legacy(
                children: children, serviceContext: serviceContext, unlocked: unlocked, cancellation: cancellation)
        }
    }

    /// How long the run may take; `nil` for as long as it likes.
    let limits: TimeLimits?
    private let state = Locked(State())

    init(limits: TimeLimits? = nil) { self.limits = limits }

    /// Why the run is cancelled, if it is: the first reason counts, unless somebody has ended it since.
    var cancellation: CancellationReason? { state.withLock { $0.cancellation } }

    /// Whether it is cancelled because of its soft time limit, and must say itself how it ends.
    var exceedsSoftLimit: Bool { if case .softTimeLimit? = cancellation { true } else { false } }

    /// The chord that the task was to look after, if it is to look after it no longer.
    func unlock(_ report: ChordReport, _ header: UnlockedChord.Header) {
        state.withLock { $0.unlocked = UnlockedChord(report: report, header: header) }
    }

    /// The context in which the handler runs.
    func note(_ context: ServiceContext?) { state.withLock { $0.serviceContext = context } }

    /// The task has sent these tasks and groups, as Celery's tuples of results.
    func add(_ children: [JSONValue]) { state.withLock { $0.children += children } }

    // MARK: The end

    /// Whether it has ended: what its handler still says of it comes too late.
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    /// The run is about to be cancelled; what becomes of it is still its own affair. `false` when it has ended, or is
    /// cancelled for another reason: one that the worker's end has interrupted goes back, and does not fail by its limit.
    func cancel(_ reason: CancellationReason) -> Bool {
        state.withLock { state in
            guard !state.hasEnded, state.cancellation == nil else { return false }
            state.cancellation = reason
            return true
        }
    }

    /// The run ends.
    ///
    /// - Parameter reason: why somebody else than the handler ends it; `nil` when it is the handler.
    /// - Returns: `nil` when it has ended before.
    func end(_ reason: CancellationReason? = nil) -> Legacy? {
        state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            if let reason { state.cancellation = reason }
            return state.legacy
        }
    }
}
