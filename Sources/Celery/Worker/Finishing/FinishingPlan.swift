internal import CeleryTransport

/// What follows from how a task ended: steps in order.
///
/// It is a value that ``FinishingPlanner`` makes and ``Finisher`` carries out.
struct FinishingPlan: Sendable {
    /// What is still to be done.
    private(set) var steps: ArraySlice<FinishingStep>
    /// Whether the message goes back, and its task runs again, when a state cannot be stored or a part of a chord cannot be
    /// counted. Not where the task was refused or has expired, which another run would not change, and not where its next
    /// try has a message of its own.
    var runsAgainUnlessStored = false
    /// The task, if there is something to send or a chord to see to: when that cannot be done another plan is made.
    var task: FinishedTask? {
        get { if case .task(let task) = kept { task } else { nil } }
        set { kept = newValue.map(Kept.task) ?? .nothing }
    }
    /// What could not be planned, for the log.
    var problems: [FinishingProblem] = []

    /// A task of a plan. It is large, most plans have none, and all are handed on often.
    private indirect enum Kept: Sendable {
        case nothing
        case task(FinishedTask)
    }

    private var kept = Kept.nothing

    init(_ steps: [FinishingStep]) { self.steps = steps[...] }

    /// Whether there are steps that are planned anew when they cannot be taken, or that more follows from.
    var needsTask: Bool {
        steps.contains { step in
            switch step {
            case .send, .report: true
            case .store, .endChord, .call, .settle: false
            }
        }
    }

    /// Takes out the next step.
    mutating func nextStep() -> FinishingStep? { steps.popFirst() }

    /// Takes out the next steps that send messages of the same group as `outgoing`, if they are many: then they are sent
    /// together, in no particular order, some thousands at a time.
    mutating func takeGroup(of outgoing: OutgoingStep) -> [OutgoingStep] {
        guard let group = outgoing.group else { return [] }
        let most = TaskPublisher.largestWindow * TaskPublisher.largestBatch
        let taken = steps.prefix(most - 1).leadingGroup { step in
            if case .send(let next) = step, next.role == outgoing.role, next.group == group { group } else { nil }
        }
        guard let taken else { return [] }
        steps = steps.dropFirst(taken.count)
        return taken.compactMap { if case .send(let next) = $0 { next } else { nil } }
    }

    /// Does these before the others.
    mutating func insert(_ first: [FinishingStep]) { steps = first + steps }

    /// Leaves out the next steps up to the end of a chord, whose body cannot be sent.
    ///
    /// - Returns: the chord; `nil` when there is none, and nothing is left out.
    mutating func skipChord() -> ChordEnding? {
        for position in steps.indices {
            guard case .endChord(let ending) = steps[position] else { continue }
            steps = steps[(position + 1)...]
            return ending
        }
        return nil
    }

    /// What there is to do when it is little enough to be done together with that of other tasks: states to store, a part
    /// of a chord to count, and then a settlement. `nil` else.
    var little: (results: [StoredResult], report: ChordReport?)? {
        var rest = steps
        var little: (results: [StoredResult], report: ChordReport?) = ([], nil)
        if case .store(let results)? = rest.first {
            little.results = results
            rest = rest.dropFirst()
        }
        if case .report(let report)? = rest.first {
            little.report = report
            rest = rest.dropFirst()
        }
        if case .settle? = rest.first { rest = rest.dropFirst() }
        return rest.isEmpty ? little : nil
    }

    /// Leaves only some of the states to store, because the others are stored.
    mutating func keepOnly(_ results: [StoredResult]) {
        guard case .store? = steps.first else { return }
        if results.isEmpty { steps = steps.dropFirst() } else { steps[steps.startIndex] = .store(results) }
    }

    /// What the broker is told in the end; `nil` for nothing.
    var settlement: Settlement? {
        if case .settle(let settlement)? = steps.last { settlement } else { nil }
    }

    /// What the broker is told in the end if not all states are stored.
    var settlementUnlessStored: Settlement? { runsAgainUnlessStored ? .requeue : settlement }
}
