internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

/// Carries out what follows from how tasks ended: the last room of a message's way through the worker.
///
/// Under load it stores in one batch whatever has been finished meanwhile, while slots go on with the next task; a slot
/// that has nothing else to do stores its result itself. What has been run is seen to also while the worker is being
/// cancelled, in tasks that are not.
final class Finisher: Sendable {
    private struct Item: Sendable {
        let message: HeldMessage
        var plan: FinishingPlan
    }

    private static let largestBatch = 256

    private let queue = WorkQueue<Item>()
    /// How many items have been put into the queue and are not seen to.
    private let unfinished = Atomic(0)
    private let planner: FinishingPlanner
    private let sender: MessageSender
    private let writer: ResultWriter?
    private let log: TaskLog

    init(planner: FinishingPlanner, sender: MessageSender, writer: ResultWriter?, log: TaskLog) {
        self.planner = planner
        self.sender = sender
        self.writer = writer
        self.log = log
    }

    // MARK: What comes in

    /// A task has ended. What follows is done at once when nothing else is to be done, else in one batch with others.
    ///
    /// - Parameter isIdle: whether the caller has nothing else to do.
    func finish(_ task: FinishedTask, _ message: HeldMessage, isIdle: Bool) async {
        let plan = plan(after: task)
        guard isIdle, let writer, let results = plan.onlyResults, unfinished.load(ordering: .relaxed) == 0 else {
            return add(plan, message)
        }
        // The calling task may have been cancelled, which the finisher is not; else it says what is wrong, if it still
        // is.
        if await writer.hasStored(results) { message.finish(plan.settlement) } else { add(plan, message) }
    }

    /// A task that did not run has ended.
    func finish(_ task: FinishedTask, _ message: HeldMessage) {
        add(plan(after: task), message)
    }

    /// A message was refused.
    func finish(_ refused: RefusedMessage, _ message: HeldMessage) {
        add(planner.plan(after: refused, hasBackend: writer != nil), message)
    }

    private func plan(after task: FinishedTask) -> FinishingPlan {
        let plan = planner.plan(after: task)
        for problem in plan.problems { log.problem("\(problem.what)", problem.request, problem.error) }
        return plan
    }

    private func add(_ plan: FinishingPlan, _ message: HeldMessage) {
        switch plan.steps.first {
        case nil, .settle?: message.finish(plan.settlement)
        case .send?, .store?:
            unfinished.add(1, ordering: .relaxed)
            queue.push(Item(message: message, plan: plan))
        }
    }

    // MARK: What is done

    /// Carries out plans until ``close()``.
    func run() async {
        // Belongs to the caller, which waits for it, but is not cancelled with it.
        await Task {
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
        }.value
    }

    /// Nothing is put in any more: ``run()`` ends when all is done.
    func close() {
        writer?.budget.end()
        sender.budget.end()
        queue.close()
    }

    /// Stores what some tasks have come to in one go, and settles their messages.
    private func store(_ batch: [Item]) async {
        guard let writer, !batch.isEmpty else { return }
        let results = batch.map { $0.plan.onlyResults ?? [] }
        let lost = await writer.store(results.flatMap { $0 })
        var position = 0
        for (item, results) in zip(batch, results) {
            let positions = position..<position + results.count
            position = positions.upperBound
            let isStored = lost.isDisjoint(with: positions)
            item.message.finish(isStored ? item.plan.settlement : item.plan.settlementUnlessStored)
        }
    }

    /// Takes the steps of a plan one after the other.
    private func carryOut(_ item: Item) async {
        var plan = item.plan
        while let step = plan.nextStep() {
            switch step {
            case .send(let outgoing):
                do {
                    try await sender.send(outgoing)
                    if let child = outgoing.child { plan.task?.children.append(child) }
                } catch {
                    guard let next = self.plan(plan, without: outgoing, error) else {
                        return item.message.finish(.requeue)
                    }
                    plan = next
                }
            case .store(let results):
                let isStored = await writer?.store(results).isEmpty ?? true
                if !isStored, plan.runsAgainUnlessStored { return item.message.finish(.requeue) }
            case .settle(let settlement): return item.message.finish(settlement)
            }
        }
        item.message.finish(nil)
    }

    /// What is to be done when a message could not be sent; `nil` when the task is to run again.
    private func plan(_ plan: FinishingPlan, without outgoing: OutgoingMessage, _ error: any Error) -> FinishingPlan? {
        guard var task = plan.task else { return plan }
        switch outgoing.role {
        case .errback:
            log.problem("an errback could not be sent", task.task.request, error)
            return plan
        case .successor:
            log.problem("what follows a task could not be sent", task.task.request, error)
            // As in Celery the task has failed.
            task.ending = .ran(
                .failure(
                    TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent: \(error)")))
        case .retry:
            log.problem("the next try could not be sent", task.task.request, error)
            // Nobody would try again: as in Celery, the task has failed.
            task.ending = .ran(.rejected(requeue: false, reason: "the next try could not be sent: \(error)"))
        }
        if task.rules.acksLate, RetryBudget.mayPass(error) { return nil }
        return self.plan(after: task)
    }
}
