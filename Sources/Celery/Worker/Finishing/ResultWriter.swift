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
    /// States of one task that are stored later.
    private struct Pending: Sendable {
        var results: [StoredResult]
        /// How many states had been stored when it was tried last.
        var storedBefore: Int
        var record = CulpritRecord()
        let done: @Sendable (_ isStored: Bool) -> Void
    }

    /// How long a task waits for its state STARTED to be stored; it is going to say more.
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
    ///
    /// - Returns: what is to be stored later, by its position, and why it is not stored now.
    func storeOnce(_ results: [StoredResult]) async -> [Int: (result: StoredResult, error: any Error)] {
        let failures = await store.store(contentsOf: results)
        stored.add(results.count - failures.count, ordering: .relaxed)
        if failures.isEmpty { return [:] }
        var open: [Int: (result: StoredResult, error: any Error)] = [:]
        var refused: [(position: Int, told: StoredResult)] = []
        for (position, error) in failures.sorted(by: { $0.key < $1.key }) {
            if RetryBudget.mayPass(error) {
                open[position] = (results[position], error)
            } else if let told = refusal(of: results[position], error) {
                refused.append((position, told))
            }
        }
        if refused.isEmpty { return open }
        for (index, error) in await store.store(contentsOf: refused.map(\.told)) {
            let (position, told) = refused[index]
            if RetryBudget.mayPass(error) { open[position] = (told, error) } else { log(told, "is not stored", error) }
        }
        return open
    }

    /// Stores states of one task, however long it takes; whether they are stored, or refused, before the worker ends.
    func store(_ results: [StoredResult]) async -> Bool {
        let open = await storeOnce(results)
        if open.isEmpty { return true }
        return await withCheckedContinuation { continuation in
            storeLater(open.sorted { $0.key < $1.key }.map(\.value.result)) { continuation.resume(returning: $0) }
        }
    }

    /// Stores states of one task when the backend takes them.
    ///
    /// - Parameter done: called once, with whether they are stored, or refused, before the worker ends.
    func storeLater(_ results: [StoredResult], _ done: @escaping @Sendable (_ isStored: Bool) -> Void) {
        pending.push(Pending(results: results, storedBefore: stored.load(ordering: .relaxed), done: done))
    }

    /// Stores the state STARTED before the handler runs, because states of its own come after this one.
    func storeStarted(_ stored: StoredResult) async {
        let isOver = await waitAtMost(Self.startLimit) { [self] in
            do {
                try await retrying(
                    RetrySchedule(maximum: .seconds(1)), tries: 4, while: RetryBudget.mayPass
                ) { [store] _ in try await store.store([stored]) }
            } catch {
                log(stored, "is not stored", error)
            }
        }
        if !isOver {
            log(stored, "is not waited for any longer", TransportError(.unavailable, "the backend does not answer"))
        }
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
                for pending in open { giveUp(pending) }
                open = []
                continue
            }
            open += pending.takeLast(.max)
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
                logger.info("results are stored again", metadata: ["after": "\(duration)"])
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
        let open = await storeOnce(results)
        var rest: [Pending] = []
        var position = 0
        for var pending in pending {
            let positions = position..<position + pending.results.count
            position = positions.upperBound
            let failures = positions.compactMap { open[$0] }
            guard let error = failures.first?.error else {
                pending.done(true)
                continue
            }
            pending.results = failures.map(\.result)
            let now = stored.load(ordering: .relaxed)
            let haveOthersPassed = now != pending.storedBefore
            pending.storedBefore = now
            if pending.record.failed(error, haveOthersPassed: haveOthersPassed) {
                await storeVerdict(on: pending, pending.record.verdict(error))
            } else {
                rest.append(pending)
            }
        }
        return (rest, open.values.first?.error)
    }

    private func storeVerdict(on pending: Pending, _ error: TransportError) async {
        let told = pending.results.compactMap { refusal(of: $0, error) }
        for (index, error) in await store.store(contentsOf: told) { log(told[index], "is not stored", error) }
        pending.done(true)
    }

    private func giveUp(_ pending: Pending) {
        let error = TransportError(.unavailable, "the worker ends before the backend takes it")
        for result in pending.results { log(result, "is not stored", error) }
        pending.done(false)
    }

    // MARK: What is refused

    /// The backend will never take this state: what one who waits for the task gets to know instead.
    private func refusal(of refused: StoredResult, _ error: any Error) -> StoredResult? {
        log(refused, "is refused by the backend", error)
        guard refused.result.state.isReady else { return nil }
        var stored = refused
        stored.result.state = .failure
        stored.result.traceback = nil
        stored.result.result =
            TaskFailure(
                type: "BackendStoreError", module: "celery.exceptions",
                message: "the state \(refused.result.state) could not be stored: \(error)"
            ).json
        return stored
    }

    private func log(_ stored: StoredResult, _ what: String, _ error: any Error) {
        logger.error(
            "a result \(what)",
            metadata: [
                LoggingKeys.taskID: LoggingKeys.line(stored.result.id), LoggingKeys.state: "\(stored.result.state)",
                LoggingKeys.error: LoggingKeys.reason(error),
            ])
    }
}
