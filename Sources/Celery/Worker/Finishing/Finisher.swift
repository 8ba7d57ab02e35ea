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
    private struct Item: Sendable {
        let message: HeldMessage
        var plan: FinishingPlan
        /// What the log is going to say of it.
        var reporting: Reporting
    }

    private static let largestBatch = 256

    private let queue = WorkQueue<Item>()
    /// Messages that count as held until the broker has heard what becomes of them.
    private let unconfirmed = WorkQueue<HeldMessage>()
    /// How many items have been put into the queue and are not seen to.
    private let unfinished = Atomic(0)
    private let planner: FinishingPlanner
    private let sender: MessageSender
    private let writer: ResultWriter?
    private let middleware: [any CeleryMiddleware]
    private let log: TaskLog

    init(
        planner: FinishingPlanner, sender: MessageSender, writer: ResultWriter?, middleware: [any CeleryMiddleware],
        log: TaskLog
    ) {
        self.planner = planner
        self.sender = sender
        self.writer = writer
        self.middleware = middleware
        self.log = log
    }

    // MARK: What comes in

    /// A task has ended. What follows is done at once when nothing else is to be done, else in one batch with others.
    ///
    /// - Parameter isIdle: whether the caller has nothing else to do.
    func finish(_ task: FinishedTask, _ message: HeldMessage, isIdle: Bool) async {
        var item = item(for: task, message)
        if isIdle, let writer, let results = item.plan.onlyResults, unfinished.load(ordering: .relaxed) == 0 {
            let rest = await writer.unstored(of: results)
            if rest.isEmpty { return settle(item, item.plan.settlement) }
            // The calling task may have been cancelled, which the finisher is not; else it says what is wrong, if it
            // still is.
            item.plan.keepOnly(rest)
        }
        add(item)
    }

    /// A task that did not run has ended.
    func finish(_ task: FinishedTask, _ message: HeldMessage) {
        add(item(for: task, message))
    }

    /// A message from this queue was refused.
    func finish(_ refused: RefusedMessage, queue: String, _ message: HeldMessage) {
        middleware.observe(WorkerEvent(refused))
        let plan = planner.plan(after: refused, hasBackend: writer != nil)
        add(Item(message: message, plan: plan, reporting: log.report(on: refused, queue: queue)))
    }

    private func item(for task: FinishedTask, _ message: HeldMessage) -> Item {
        if !middleware.isEmpty, let event = WorkerEvent(task) { middleware.observe(event) }
        let plan = planner.plan(after: task)
        var item = Item(message: message, plan: plan, reporting: log.report(on: task))
        for problem in task.problems + plan.problems { log.add(problem, to: &item.reporting) }
        return item
    }

    private func add(_ item: Item) {
        switch item.plan.steps.first {
        case nil, .settle?: settle(item, item.plan.settlement)
        case .send?, .store?:
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
                for item in batch where item.plan.onlyResults == nil {
                    group.addTask { await self.carryOut(item) }
                }
                await store(batch.filter { $0.plan.onlyResults != nil })
                unfinished.subtract(batch.count, ordering: .relaxed)
            }
        }
    }

    /// Stores what some tasks have come to in one go, and settles their messages. What the backend does not take holds
    /// up nobody else.
    private func store(_ batch: [Item]) async {
        guard let writer, !batch.isEmpty else { return }
        let results = batch.map { $0.plan.onlyResults ?? [] }
        let outcome = await writer.storeOnce(results.flatMap { $0 })
        if outcome.isComplete {
            for item in batch { settle(item, item.plan.settlement) }
            return
        }
        var position = 0
        for (item, results) in zip(batch, results) {
            let positions = position..<position + results.count
            position = positions.upperBound
            let item = add(positions.compactMap { outcome.problems[$0] }, to: item)
            let rest = positions.compactMap { outcome.open[$0]?.result }
            if rest.isEmpty {
                settle(item, item.plan.settlement)
            } else {
                writer.storeLater(rest) { [self] isStored, problems in
                    settle(add(problems, to: item), isStored ? item.plan.settlement : item.plan.settlementUnlessStored)
                }
            }
        }
    }

    /// Takes the steps of a plan one after the other.
    private func carryOut(_ item: Item) async {
        var item = item
        while let step = item.plan.nextStep() {
            switch step {
            case .send(let outgoing):
                do {
                    try await sender.send(outgoing, after: item.plan.task)
                    if let child = outgoing.child { item.plan.task?.children.append(child) }
                } catch {
                    log.add(FinishingProblem(kind: outgoing.role.problem, error: error), to: &item.reporting)
                    guard outgoing.role != .errback else { continue }
                    guard let plan = plan(item.plan, without: outgoing, error) else { return settle(item, .requeue) }
                    item.plan = plan
                    item = add(plan.problems, to: item)
                }
            case .store(let results):
                guard let (isStored, problems) = await writer?.store(results) else { continue }
                item = add(problems, to: item)
                if !isStored, item.plan.runsAgainUnlessStored { return settle(item, .requeue) }
            case .settle(let settlement): return settle(item, settlement)
            }
        }
        settle(item, nil)
    }

    /// What is to be done when a message that the task's end depends on could not be sent, with what was sent before;
    /// `nil` when the task is to run again.
    private func plan(_ plan: FinishingPlan, without outgoing: OutgoingMessage, _ error: any Error) -> FinishingPlan? {
        guard var task = plan.task else { return plan }
        if outgoing.role == .retry {
            // Nobody would try again: as in Celery, the task has failed.
            task.ending = .ran(.rejected(requeue: false, reason: "the next try could not be sent: \(error)"))
        } else {
            // As in Celery the task has failed.
            task.ending = .ran(
                .failure(
                    TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent: \(error)")))
        }
        if task.rules.acksLate, RetryBudget.mayPass(error) { return nil }
        return planner.plan(after: task)
    }

    private func add(_ problems: [FinishingProblem], to item: Item) -> Item {
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

extension OutgoingMessage.Role {
    /// What is wrong when it is not sent.
    fileprivate var problem: FinishingProblem.Kind {
        switch self {
        case .successor: .successor
        case .errback: .errback
        case .retry: .retry
        }
    }
}
