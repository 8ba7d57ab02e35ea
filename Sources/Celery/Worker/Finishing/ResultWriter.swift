internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

/// Stores the states of tasks in the result backend.
///
/// What the backend does not take at the moment waits apart from the others and is tried again as long as the worker
/// runs. What it refuses becomes a failure that says so, as in Celery.
final class ResultWriter: Sendable {
    /// What a call that stores states of several tasks has come to, by their positions.
    struct Outcome: Sendable {
        /// What is to be stored later, and why it is not stored now.
        var open: [Int: (result: StoredResult, error: any Error)] = [:]
        /// What is wrong with what is not.
        var problems: [Int: FinishingProblem] = [:]

        /// Whether everything is stored as it was to be.
        var isComplete: Bool { open.isEmpty && problems.isEmpty }
    }

    /// Gets whether states are stored, or refused, before the worker ends, and what is wrong with some.
    typealias Done = @Sendable (_ isStored: Bool, _ problems: [FinishingProblem]) -> Void

    /// States of one task that are stored later.
    private struct Pending: Sendable {
        var results: [StoredResult]
        /// How many states had been stored when it was tried last.
        var storedBefore: Int
        var record = PoisonRecord()
        /// What was refused.
        var problems: [FinishingProblem] = []
        let done: Done
    }

    /// How long a task waits for the backend before it runs: for its state STARTED to be stored, after which it is going to
    /// say more, and for what it says of a chord's body.
    private static let startLimit = Duration.seconds(20)

    let budget = RetryBudget()
    private let store: any ResultStore
    private let logger: Logger
    private let pending = WorkQueue<Pending>()
    /// How many states have been stored.
    private let stored = Atomic(0)

    init(_ store: any ResultStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    // MARK: What comes in

    /// Stores states with one try, whatever goes wrong.
    ///
    /// - Returns: those that are not stored.
    func unstored(of results: [StoredResult]) async -> [StoredResult] {
        let failures = await store.store(contentsOf: results)
        stored.add(results.count - failures.count, ordering: .relaxed)
        return failures.isEmpty ? [] : failures.keys.sorted().map { results[$0] }
    }

    /// Stores states with one try; one that is refused becomes a failure.
    func storeOnce(_ results: [StoredResult]) async -> Outcome {
        let failures = await store.store(contentsOf: results)
        stored.add(results.count - failures.count, ordering: .relaxed)
        var outcome = Outcome()
        if failures.isEmpty { return outcome }
        var refused: [(position: Int, told: StoredResult)] = []
        for (position, error) in failures.sorted(by: { $0.key < $1.key }) {
            if RetryBudget.mayPass(error) {
                outcome.open[position] = (results[position], error)
            } else {
                outcome.problems[position] = FinishingProblem(.refusedResult, results[position], error)
                if let told = Self.refusal(of: results[position], error) { refused.append((position, told)) }
            }
        }
        if refused.isEmpty { return outcome }
        for (index, error) in await store.store(contentsOf: refused.map(\.told)) {
            let (position, told) = refused[index]
            if RetryBudget.mayPass(error) {
                outcome.open[position] = (told, error)
            } else {
                outcome.problems[position]?.kind = .unstoredResult
            }
        }
        return outcome
    }

    /// Stores states of one task, however long it takes: whether they are stored, or refused, before the worker ends, and
    /// what is wrong with some.
    func store(_ results: [StoredResult]) async -> (isStored: Bool, problems: [FinishingProblem]) {
        let outcome = await storeOnce(results)
        let problems = outcome.problems.sorted { $0.key < $1.key }.map(\.value)
        if outcome.open.isEmpty { return (true, problems) }
        return await withCheckedContinuation { continuation in
            storeLater(outcome.open.sorted { $0.key < $1.key }.map(\.value.result)) {
                continuation.resume(returning: ($0, problems + $1))
            }
        }
    }

    /// Stores states of one task when the backend takes them.
    ///
    /// - Parameter done: called once.
    func storeLater(_ results: [StoredResult], _ done: @escaping Done) {
        pending.push(Pending(results: results, storedBefore: stored.load(ordering: .relaxed), done: done))
    }

    /// Stores the state STARTED before the handler runs, because those that the handler reports have to come after it.
    ///
    /// - Returns: what is wrong, if it is not stored.
    func storeStarted(_ stored: StoredResult) async -> FinishingProblem? {
        let problem = Locked<FinishingProblem?>(nil)
        let isOver = await waitAtMost(Self.startLimit) { [self] in
            do {
                try await retrying(
                    RetrySchedule(maximum: .seconds(1)), tries: 4, while: RetryBudget.mayPass
                ) { [store] _ in try await store.store([stored]) }
            } catch {
                problem.withLock { $0 = FinishingProblem(.unstoredResult, stored, error) }
            }
        }
        if isOver { return problem.withLock { $0 } }
        return FinishingProblem(.unstoredResult, stored, Self.silence)
    }

    private static var silence: TransportError {
        TransportError(.unavailable, "the backend has not answered for \(startLimit)")
    }

    // MARK: Chords

    /// Counts parts of chords with one try.
    func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>] { await store.record(parts) }

    /// What a complete chord has come to, with the right to send its body; `nil` when that has been sent, or when somebody
    /// else has the right to by now.
    ///
    /// - Parameter limit: for how long the right is kept.
    func results(of claim: ChordClaim, _ report: ChordReport, keeping limit: Duration) async throws -> ChordResults? {
        if claim.isRepeated, try await isSent(report) {
            try await store.end(claim)
            return nil
        }
        let results = try await store.chordResults(claim)
        return try await store.extend(claim, for: limit) ? results : nil
    }

    /// Takes the right to see to a chord; `false` when somebody else has it, or the chord is seen to.
    func take(_ claim: ChordClaim, for limit: Duration) async throws -> Bool {
        try await store.extend(claim, for: limit)
    }

    /// Whether whoever had the claim before has sent the body, all of it, and died before it could say so.
    private func isSent(_ report: ChordReport) async throws -> Bool {
        let ids = report.bodyIDs
        let results = try await store.results(of: ids)
        return !ids.isEmpty && ids.allSatisfy { results[$0]?.parentID == report.part.id }
    }

    /// Whether a message of a chord's body is the copy that runs. When the backend does not answer in time it is: a body that
    /// never ran would be worse than one that perhaps runs twice.
    ///
    /// - Returns: what is wrong as well, if the backend has not said it.
    func begins(_ copy: ChordBodyCopy) async -> (Bool, FinishingProblem?) {
        let answer = Locked<Result<Bool, any Error>>(.failure(Self.silence))
        _ = await waitAtMost(Self.startLimit) { [self] in
            do {
                let begins = try await retrying(
                    RetrySchedule(maximum: .seconds(1)), tries: 20, while: RetryBudget.mayPass
                ) { [store] _ in try await store.begins(copy) }
                answer.withLock { $0 = .success(begins) }
            } catch {
                answer.withLock { $0 = .failure(error) }
            }
        }
        switch answer.withLock({ $0 }) {
        case .success(let begins): return (begins, nil)
        case .failure(let error): return (true, FinishingProblem(kind: .chordBody, error: error))
        }
    }

    /// Keeps the right to send a chord's body.
    func keeper(of claim: ChordClaim, for limit: Duration) -> ClaimKeeper { ClaimKeeper(claim, in: store, for: limit) }

    /// Says that a complete chord is seen to.
    func end(_ ending: ChordEnding) async throws {
        if ending.hasFailed { try await store.fail(ending.claim) } else { try await store.end(ending.claim) }
    }

    // MARK: What is stored later

    /// Stores what was not taken at first, until ``close()``.
    func run() async {
        var open: [Pending] = []
        var tries = RetryBudget.Tries()
        var outage = OutageLog()
        while true {
            if open.isEmpty {
                tries = RetryBudget.Tries()
                open = await pending.nextBatch(limit: .max)
                if open.isEmpty { return }
            }
            guard await budget.pause(&tries) else {
                for pending in open { end(pending) }
                open = []
                continue
            }
            open += pending.take { _ in true }
            let count = open.count
            let (rest, error) = await tryAgain(open)
            open = rest
            if open.count < count { tries.reset() }
            if let error, outage.failed() != nil {
                logger.warning(
                    "storing results again",
                    metadata: [LoggingKeys.error: LoggingKeys.reason(error), "count": "\(open.count)"])
            }
            if open.isEmpty, let duration = outage.worksAgain() {
                logger.info("results are stored again after \(ReadableDuration(duration))")
            }
        }
    }

    /// Nothing is put in any more: ``run()`` ends when all is done.
    func close() { pending.close() }

    /// One more try; what is left, and why. What may be to blame for the failures is tried by itself.
    private func tryAgain(_ pending: [Pending]) async -> (rest: [Pending], error: (any Error)?) {
        let suspects = pending.filter(\.record.isSuspect)
        var (rest, error) = await tryTogether(pending.filter { !$0.record.isSuspect })
        for (index, suspect) in suspects.enumerated() {
            let (again, failure) = await tryTogether([suspect])
            guard let failure else { continue }
            // The others have their turn before it, and after a pause.
            error = failure
            rest = suspects[(index + 1)...] + rest + again
            break
        }
        return (rest, error)
    }

    private func tryTogether(_ pending: [Pending]) async -> (rest: [Pending], error: (any Error)?) {
        if pending.isEmpty { return ([], nil) }
        let results = pending.flatMap(\.results)
        let outcome = await storeOnce(results)
        var rest: [Pending] = []
        var position = 0
        for var pending in pending {
            let positions = position..<position + pending.results.count
            position = positions.upperBound
            pending.problems += positions.compactMap { outcome.problems[$0] }
            let failures = positions.compactMap { outcome.open[$0] }
            guard let error = failures.first?.error else {
                pending.done(true, pending.problems)
                continue
            }
            pending.results = failures.map(\.result)
            let now = stored.load(ordering: .relaxed)
            let haveOthersPassed = now != pending.storedBefore
            pending.storedBefore = now
            if pending.record.failed(error, haveOthersPassed: haveOthersPassed) {
                await giveUp(on: pending, pending.record.finalError(error))
            } else {
                rest.append(pending)
            }
        }
        return (rest, outcome.open.values.first?.error)
    }

    private func giveUp(on pending: Pending, _ error: TransportError) async {
        let isTold = await store.store(contentsOf: pending.results.compactMap { Self.refusal(of: $0, error) }).isEmpty
        let kind: FinishingProblem.Kind = isTold ? .refusedResult : .unstoredResult
        pending.done(true, pending.problems + pending.results.map { FinishingProblem(kind, $0, error) })
    }

    private func end(_ pending: Pending) {
        let error = TransportError(.unavailable, "the worker ends before the backend takes it")
        pending.done(false, pending.problems + pending.results.map { FinishingProblem(.unstoredResult, $0, error) })
    }

    // MARK: What is refused

    /// The backend will never take this state: what one who waits for the task gets to know instead.
    private static func refusal(of refused: StoredResult, _ error: any Error) -> StoredResult? {
        guard refused.result.state.isReady else { return nil }
        var stored = refused
        stored.result.state = .failure
        let failure = TaskFailure(
            type: "BackendStoreError", module: "celery.exceptions",
            message: "the state \(refused.result.state) could not be stored: \(error)"
        ).traced(to: "result of the task \(stored.result.id)")
        stored.result.result = failure.json
        stored.result.traceback = failure.traceback
        return stored
    }
}

extension FinishingProblem {
    fileprivate init(_ kind: Kind, _ stored: StoredResult, _ error: any Error) {
        self.init(kind: kind, error: error, state: stored.result.state, resultID: stored.result.id)
    }
}
