internal import CeleryTransport

/// What follows from how a task ended: steps in order.
///
/// It is a value that ``FinishingPlanner`` makes and ``Finisher`` carries out.
struct FinishingPlan: Sendable {
    /// What is still to be done.
    private(set) var steps: ArraySlice<FinishingStep>
    /// Whether the message goes back, and its task runs again, when a state cannot be stored. Not where the task was refused
    /// or has expired, which another run would not change, and not where its next try has a message of its own.
    var runsAgainUnlessStored = false
    /// The task, if there are messages to send: when one cannot be sent another plan is made.
    var task: FinishedTask?
    /// What could not be planned, for the log.
    var problems: [FinishingProblem] = []

    init(_ steps: [FinishingStep]) { self.steps = steps[...] }

    /// Takes out the next step.
    mutating func nextStep() -> FinishingStep? { steps.popFirst() }

    /// The states to store when nothing else than that, and then a settlement, is left to do; `nil` else.
    var onlyResults: [StoredResult]? {
        guard case .store(let results)? = steps.first else { return nil }
        switch steps.count {
        case 1: return results
        case 2: if case .settle = steps[steps.startIndex + 1] { return results } else { return nil }
        default: return nil
        }
    }

    /// Leaves only some of the states to store, because the others are stored.
    mutating func keepOnly(_ results: [StoredResult]) {
        if case .store? = steps.first { steps[steps.startIndex] = .store(results) }
    }

    /// What the broker is told in the end; `nil` for nothing.
    var settlement: Settlement? {
        if case .settle(let settlement)? = steps.last { settlement } else { nil }
    }

    /// What the broker is told in the end if not all states are stored.
    var settlementUnlessStored: Settlement? { runsAgainUnlessStored ? .requeue : settlement }
}
