internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

/// Carries out what follows from how tasks ended: the last stage of a message's way through the worker.
///
/// Under load it stores in one batch whatever has been finished meanwhile, while slots go on with the next task; a slot
/// that has nothing else to do stores its result itself. What has been run is seen to also while the worker is being
/// cancelled, in tasks that are not.
final class Finisher: Sendable {
    struct Item: Sendable {
        let message: HeldMessage
        var plan: FinishingPlan
        /// What the log is going to say of it.
        var reporting: Reporting
        /// How far the chord is that the plan's first step reports to, if that is done.
        var progress: Result<ChordProgress, any Error>?
        /// What those who look are told when all is done; `nil` for nothing, as a rule, and so in a box.
        var event: ObservedEnd?
        /// Keeps the right to send the body of a chord while the plan is carried out.
        var keeper: ClaimKeeper?
    }

    final class ObservedEnd: Sendable {
        let event: WorkerEvent

        init(_ event: WorkerEvent) { self.event = event }
    }

    private static let largestBatch = 256

    private let queue = WorkQueue<Item>()
    /// Messages that count as held until the broker has heard what becomes of them.
    private let unconfirmed = WorkQueue<HeldMessage>()
    /// How many items have been put into the queue and are not seen to.
    private let unfinished = Atomic(0)
    let planner: FinishingPlanner
    private let sender: MessageSender
    let writer: ResultWriter?
    private let observers: Observers
    let log: TaskLog

    init(
        planner: FinishingPlanner, sender: MessageSender, writer: ResultWriter?, observers: Observers,
        log: TaskLog
    ) {
        self.planner = planner
        self.sender = sender
        self.writer = writer
        self.observers = observers
        self.log = log
    }

    // MARK: What comes in

    /// A task has ended. What follows is done at once when nothing else is to be done, else in one batch with others.
    ///
    /// - Parameter isIdle: whether the caller has nothing else to do.
    func finish(_ task: FinishedTask, _ message: HeldMessage, isIdle: Bool) async {
        var item = item(for: task, message)
        if isIdle, let writer, let little = item.plan.little, unfinished.load(ordering: .relaxed) == 0 {
            let rest = little.results.isEmpty ? [] : await writer.unstored(of: little.results)
            // The calling task may have been cancelled, which the finisher is not; else it says what is wrong, if it
            // still is.
            item.plan.keepOnly(rest)
            if rest.isEmpty {
                guard let report = little.report else { return settle(item, item.plan.settlement) }
                let progress = await writer.record([report.part]).first
                if progress?.needsNothing == true { return settle(item, item.plan.settlement) }
                item.progress = progress
            }
        }
        add(item)
    }

    /// A task that did not run has ended.
    func finish(_ task: FinishedTask, _ message: HeldMessage) {
        add(item(for: task, message))
    }

    /// A message from this queue was refused.
    func finish(_ refused: RefusedMessage, queue: String, _ message: HeldMessage) {
        observers.observe(WorkerEvent(refused))
        let plan = planner.plan(after: refused, hasBackend: writer != nil)
        var item = Item(message: message, plan: plan, reporting: log.report(on: refused, queue: queue))
        item = add(plan.problems, to: item)
        add(item)
    }

    private func item(for task: FinishedTask, _ message: HeldMessage) -> Item {
        let plan = planner.plan(after: task)
        var item = Item(message: message, plan: plan, reporting: log.report(on: task))
        if !observers.isEmpty {
            let event = WorkerEvent(task)
            // The next try may be received somewhere as soon as it is sent.
            if case .ended(_, .retry, _) = event { observers.observe(event) } else { item.event = ObservedEnd(event) }
        }
        for problem in task.problems + plan.problems { log.add(problem, to: &item.reporting) }
        return item
    }

    private func add(_ item: Item) {
        switch item.plan.steps.first {
        case nil, .settle?: settle(item, item.plan.settlement)
        default:
            unfinished.add(1, ordering: .relaxed)
            queue.push(item)
        }
    }

    // MARK: What is done

    /// Carries out plans until ``close()``.
    func run() async {
        // Belongs to the caller, which waits for it, but is not cancelled with it.
        await Task {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.runReleases() }
                group.addTask { await self.writer?.run() }
                await self.runPlans()
                writer?.close()
                unconfirmed.close()
            }
        }.value
    }

    /// Nothing is put in any more: ``run()`` ends when all is done.
    func close() {
        writer?.budget.end()
        sender.budget.end()
        queue.close()
    }

    private func runPlans() async {
        await withDiscardingTaskGroup { group in
            while true {
                let batch = await queue.nextBatch(limit: Self.largestBatch)
                if batch.isEmpty { return }
                // Each by itself: when the broker is out of reach, results are stored all the same.
                for item in batch where item.plan.little == nil || item.progress != nil {
                    group.addTask { await self.carryOut(item) }
                }
                for item in await store(batch.filter { $0.plan.little != nil && $0.progress == nil }) {
                    group.addTask { await self.carryOut(item) }
                }
                unfinished.subtract(batch.count, ordering: .relaxed)
            }
        }
    }

    /// Stores what some tasks have come to in one go, counts their parts of chords in another one, and settles their
    /// messages. What the backend does not take holds up nobody else.
    ///
    /// - Returns: those for which more is to be done.
    private func store(_ batch: [Item]) async -> [Item] {
        guard let writer, !batch.isEmpty else { return batch }
        let results = batch.map { $0.plan.little?.results ?? [] }
        let all = results.flatMap { $0 }
        let outcome = all.isEmpty ? ResultWriter.Outcome() : await writer.storeOnce(all)
        var stored: [Item] = []
        var left: [Item] = []
        var position = 0
        for (var item, results) in zip(batch, results) {
            let positions = position..<position + results.count
            position = positions.upperBound
            if !outcome.problems.isEmpty { item = add(positions.compactMap { outcome.problems[$0] }, to: item) }
            let rest = outcome.open.isEmpty ? [] : positions.compactMap { outcome.open[$0]?.result }
            let settlement = (item.plan.settlement, item.plan.settlementUnlessStored)
            let reports = item.plan.little?.report != nil
            item.plan.keepOnly(rest)
            if rest.isEmpty {
                if reports { stored.append(item) } else { settle(item, settlement.0) }
            } else if reports {
                left.append(item)
            } else {
                writer.storeLater(rest) { [self, item] isStored, problems in
                    settle(add(problems, to: item), isStored ? settlement.0 : settlement.1)
                }
            }
        }
        return left + (await count(stored, writer))
    }

    /// Counts parts of chords in one go.
    ///
    /// - Returns: those for which more is to be done.
    private func count(_ items: [Item], _ writer: ResultWriter) async -> [Item] {
        if items.isEmpty { return [] }
        let progress = await writer.record(items.compactMap { $0.plan.little?.report?.part })
        var left: [Item] = []
        for (var item, progress) in zip(items, progress) {
            if progress.needsNothing {
                settle(item, item.plan.settlement)
            } else {
                item.progress = progress
                left.append(item)
            }
        }
        return left
    }

    /// Takes the steps of a plan one after the other.
    private func carryOut(_ item: Item) async {
        var item = item
        while let step = item.plan.nextStep() {
            switch step {
            case .send(let outgoing):
                let group = [outgoing] + item.plan.takeGroup(of: outgoing)
                let failures = await sender.send(group, after: item.plan.task)
                for (position, outgoing) in group.enumerated() where failures[position] == nil {
                    item.plan.task?.children += outgoing.children
                }
                for (_, error) in failures.sorted(by: { $0.key < $1.key }) {
                    log.add(FinishingProblem(kind: outgoing.role.problem, error: error), to: &item.reporting)
                }
                guard let error = failures.min(by: { $0.key < $1.key })?.value, outgoing.role != .errback else {
                    continue
                }
                guard let plan = plan(item.plan, without: outgoing, error) else { return settle(item, .requeue) }
                item.plan = plan
                item = add(plan.problems, to: item)
            case .store(let results):
                guard let (isStored, problems) = await writer?.store(results) else { continue }
                item = add(problems, to: item)
                if !isStored, item.plan.runsAgainUnlessStored { return settle(item, .requeue) }
            case .report(let report):
                guard await carryOut(report, &item) else { return settle(item, .requeue) }
            case .endChord(let ending):
                guard await end(ending, &item) else { return settle(item, .requeue) }
            case .call(let errback):
                do {
                    try await errback()
                } catch {
                    log.add(FinishingProblem(kind: .errback, error: error), to: &item.reporting)
                }
            case .settle(let settlement): return settle(item, settlement)
            }
        }
        settle(item, nil)
    }

    /// What is to be done when a message that the task's end depends on could not be sent, with what was sent before;
    /// `nil` when the task is to run again.
    private func plan(_ plan: FinishingPlan, without outgoing: OutgoingStep, _ error: any Error) -> FinishingPlan? {
        guard var task = plan.task else { return plan }
        if task.rules.acksLate, RetryBudget.mayPass(error) { return nil }
        switch outgoing.role {
        case .errback: return plan
        case .chordBody:
            // The task is done, whatever becomes of the body.
            var plan = plan
            guard let ending = plan.skipChord() else { return plan }
            let (steps, problem) = planner.steps(failing: ending.report, ending.claim, error, by: task)
            plan.insert(steps)
            if let problem { plan.problems = [problem] }
            return plan
        case .retry:
            // Nobody would try again: as in Celery, the task has failed.
            task.ending = .ran(.rejected(requeue: false, reason: "the next try could not be sent: \(error)"))
        case .successor, .replacement:
            // As in Celery the task has failed.
            task.ending = .ran(
                .failure(
                    TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent: \(error)")))
        }
        return planner.plan(after: task)
    }

    func add(_ problems: [FinishingProblem], to item: Item) -> Item {
        if problems.isEmpty { return item }
        var item = item
        for problem in problems { log.add(problem, to: &item.reporting) }
        return item
    }

    // MARK: What the broker is told

    /// Nothing is left to do but to tell the broker what becomes of a message, which no longer counts as held then.
    ///
    /// To take a message away or to put it back costs a broker several round trips. Until they are over it counts as
    /// held: else bad messages would come faster than the broker takes them back.
    private func settle(_ item: Item, _ settlement: Settlement?) {
        item.reporting.end()
        if let end = item.event { observers.observe(end.event) }
        switch settlement {
        case nil, .acknowledge?, .discard?: item.message.finish(settlement)
        case .requeue?, .giveBack?, .deadLetter?:
            item.message.settle(settlement)
            unconfirmed.push(item.message)
        }
    }

    private func runReleases() async {
        while true {
            let batch = await unconfirmed.nextBatch(limit: .max)
            if batch.isEmpty { return }
            await HeldMessage.release(batch)
        }
    }
}

extension OutgoingStep.Role {
    /// What is wrong when it is not sent.
    fileprivate var problem: FinishingProblem.Kind {
        switch self {
        case .successor, .replacement: .successor
        case .chordBody: .chord
        case .errback: .errback
        case .retry: .retry
        }
    }
}

extension Result<ChordProgress, any Error> {
    /// Whether nothing is to be done any more for a part of a chord.
    fileprivate var needsNothing: Bool {
        switch self {
        case .success(.waiting), .success(.alreadyEnded): true
        case .success(.complete), .success(.claimed), .failure: false
        }
    }
}
