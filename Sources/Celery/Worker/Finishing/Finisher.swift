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
    /// Messages that count as held until the broker has heard what becomes of them.
    private let unheard = WorkQueue<HeldMessage>()
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
        var plan = plan(after: task)
        if isIdle, let writer, let results = plan.onlyResults, unfinished.load(ordering: .relaxed) == 0 {
            let rest = await writer.unstored(of: results)
            if rest.isEmpty { return settle(message, plan.settlement) }
            // The calling task may have been cancelled, which the finisher is not; else it says what is wrong, if it
            // still is.
            plan.keepOnly(rest)
        }
        add(plan, message)
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
        for problem in plan.problems { log.problem("\(problem.what)", problem.request, problem.error, problem.count) }
        return plan
    }

    private func add(_ plan: FinishingPlan, _ message: HeldMessage) {
        switch plan.steps.first {
        case nil, .settle?: settle(message, plan.settlement)
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
                group.addTask { await self.runReleases() }
                group.addTask { await self.writer?.run() }
                await self.runPlans()
                writer?.close()
                unheard.close()
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
        let open = await writer.storeOnce(results.flatMap { $0 })
        if open.isEmpty {
            for item in batch { settle(item.message, item.plan.settlement) }
            return
        }
        var position = 0
        for (item, results) in zip(batch, results) {
            let positions = position..<position + results.count
            position = positions.upperBound
            let rest = positions.compactMap { open[$0]?.result }
            if rest.isEmpty {
                settle(item.message, item.plan.settlement)
            } else {
                writer.storeLater(rest) { [self] isStored in
                    settle(item.message, isStored ? item.plan.settlement : item.plan.settlementUnlessStored)
                }
            }
        }
    }

    /// Takes the steps of a plan one after the other.
    private func carryOut(_ item: Item) async {
        var plan = item.plan
        var unsentErrbacks: (count: Int, first: any Error)?
        defer {
            if let (count, error) = unsentErrbacks, let request = item.plan.task?.task.request {
                log.problem("an errback could not be sent", request, error, count)
            }
        }
        while let step = plan.nextStep() {
            switch step {
            case .send(let outgoing):
                do {
                    try await sender.send(outgoing)
                    if let child = outgoing.child { plan.task?.children.append(child) }
                } catch {
                    if outgoing.role == .errback {
                        unsentErrbacks = ((unsentErrbacks?.count ?? 0) + 1, unsentErrbacks?.first ?? error)
                    } else {
                        guard let next = self.plan(plan, without: outgoing, error) else {
                            return settle(item.message, .requeue)
                        }
                        plan = next
                    }
                }
            case .store(let results):
                let isStored = await writer?.store(results) ?? true
                if !isStored, plan.runsAgainUnlessStored { return settle(item.message, .requeue) }
            case .settle(let settlement): return settle(item.message, settlement)
            }
        }
        settle(item.message, nil)
    }

    /// What is to be done when a message that the task's end depends on could not be sent, with what was sent before;
    /// `nil` when the task is to run again.
    private func plan(_ plan: FinishingPlan, without outgoing: OutgoingMessage, _ error: any Error) -> FinishingPlan? {
        guard var task = plan.task else { return plan }
        if outgoing.role == .retry {
            log.problem("the next try could not be sent", task.task.request, error)
            // Nobody would try again: as in Celery, the task has failed.
            task.ending = .ran(.rejected(requeue: false, reason: "the next try could not be sent: \(error)"))
        } else {
            log.problem("what follows a task could not be sent", task.task.request, error)
            // As in Celery the task has failed.
            task.ending = .ran(
                .failure(
                    TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent: \(error)")))
        }
        if task.rules.acksLate, RetryBudget.mayPass(error) { return nil }
        return self.plan(after: task)
    }

    // MARK: What the broker is told

    /// Tells the broker what becomes of a message, which no longer counts as held then.
    ///
    /// To take a message away or to put it back costs a broker several round trips. Until they are over it counts as
    /// held: else bad messages would come faster than the broker takes them back.
    private func settle(_ message: HeldMessage, _ settlement: Settlement?) {
        switch settlement {
        case nil, .acknowledge?, .discard?: message.finish(settlement)
        case .requeue?, .giveBack?, .deadLetter?:
            message.settle(settlement)
            unheard.push(message)
        }
    }

    private func runReleases() async {
        while true {
            let batch = await unheard.nextBatch(limit: .max)
            if batch.isEmpty { return }
            await HeldMessage.release(batch)
        }
    }
}
