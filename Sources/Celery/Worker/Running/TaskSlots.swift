internal import CeleryProtocol
internal import CeleryTransport
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Runs tasks, as many at a time as there are slots, and hands what they come to to the ``Finisher``.
final class TaskSlots: Sendable {
    /// How long a task that has come before waits for the broker to hear of its acknowledgement.
    private static let longestFlush = Duration.seconds(10)

    private let ready = WorkQueue<ReservedTask>()
    let active: ActiveTasks
    let revoked = RevokedTasks()
    /// How many tasks run.
    private let running = Atomic(0)
    private let isClosed = Atomic(false)
    /// Closed when the last task has ended.
    private let ended = WorkQueue<Never>()
    private let largeBodies = LargeBodyTurns()
    /// Those with late acknowledgement.
    private let runningLate = RunningTasks()
    private let options: CeleryWorker.Options
    private let name: String
    private let environment: TaskEnvironment
    private let writer: ResultWriter?
    private let finisher: Finisher
    private let observers: Observers
    private let log: TaskLog

    /// - Parameters:
    ///   - name: the worker's name.
    ///   - environment: what tasks may use.
    init(
        options: CeleryWorker.Options, name: String, environment: TaskEnvironment, writer: ResultWriter?,
        finisher: Finisher, observers: Observers, log: TaskLog
    ) {
        self.options = options
        active = ActiveTasks(slots: max(1, options.concurrency))
        self.name = name
        self.environment = environment
        self.writer = writer
        self.finisher = finisher
        self.observers = observers
        self.log = log
    }

    /// How many tasks run at a time.
    private var concurrency: Int { max(1, options.concurrency) }

    // MARK: What comes in

    /// Runs these when there are slots for them.
    func add(_ tasks: [ReservedTask]) { ready.push(contentsOf: tasks) }

    /// Takes back what was put in last and does not run yet, at most so many, in order.
    func takeLast(_ count: Int) -> [ReservedTask] { ready.takeLast(count) }

    /// The tasks that wait for a slot, in order.
    var reserved: [ReceivedTask] { ready.all.map(\.task) }

    /// Somebody has revoked tasks: those that wait for a slot end now.
    func endRevoked() {
        for reserved in ready.take(where: { revoked.contains($0.task.request) }) {
            // Whoever has it now finds out by itself.
            guard reserved.message.mayStart else {
                reserved.message.drop()
                continue
            }
            log.revoked(reserved.task.request, .revoked)
            let rules = TaskRules(reserved.task, options, hasBackend: writer != nil)
            finisher.finish(
                FinishedTask(task: reserved.task, rules: rules, ending: .revoked(.revoked)), reserved.message)
        }
    }

    /// Nothing starts any more, and ``run()`` ends when what runs has ended. What did not start goes back to its queue
    /// when the consumer is closed.
    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        ready.close(discarding: true)
        if running.load(ordering: .sequentiallyConsistent) == 0 { ended.close() }
    }

    /// Waits until no task runs any more, after ``close()``. What follows from the last ones is not waited for.
    func end() async { await ended.next() }

    // MARK: What is done

    /// Runs tasks until ``close()``.
    func run() async {
        await withDiscardingTaskGroup { group in
            for slot in 0..<concurrency { group.addTask { await self.run(slot) } }
        }
    }

    private func run(_ slot: Int) async {
        while let reserved = await ready.next(), await take(reserved, slot) {}
    }

    /// Runs a task, if it may; whether the slot goes on. Apart from the slot's loop, so that what was read of a large
    /// body does not stay in memory until the slot has its next task.
    private func take(_ reserved: ReservedTask, _ slot: Int) async -> Bool {
        let mayBeLarge = reserved.task.message.largestBodySize >= LargeBodyTurns.smallest
        let turn = mayBeLarge ? await largeBodies.next() : nil
        defer { turn?.end() }
        let rules = TaskRules(reserved.task, options, hasBackend: writer != nil)
        var message = reserved.message
        if rules.acksLate {
            switch runningLate.begin(reserved) {
            case .waits: return true
            case .isAnother: break
            case .begins:
                let attempt = TaskAttempt(reserved.task.request)
                message.whenSettled = { [self] in add(runningLate.end(attempt)) }
            }
        }
        // What the broker gives to others must not run here as well.
        guard message.mayStart else {
            message.drop()
            return true
        }
        guard beginRunning() else { return false }
        let finished = await run(reserved.task, message, rules, turn, slot)
        endRunning()
        if let finished { await finisher.finish(finished, message, isIdle: ready.isEmpty) }
        return true
    }

    /// Whether a task may start: not any more once the slots are closed, so that ``end()`` misses none.
    private func beginRunning() -> Bool {
        running.add(1, ordering: .sequentiallyConsistent)
        if !isClosed.load(ordering: .sequentiallyConsistent) { return true }
        endRunning()
        return false
    }

    private func endRunning() {
        let left = running.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, isClosed.load(ordering: .sequentiallyConsistent) { ended.close() }
    }

    /// Runs a task; `nil` when it has not begun. Its message goes back then, when the consumer is closed, or is somebody
    /// else's.
    ///
    /// - Parameter turn: to read its body, if that may be a large one.
    private func run(
        _ task: ReceivedTask, _ message: HeldMessage, _ rules: TaskRules, _ turn: LargeBodyTurn?, _ slot: Int
    ) async -> FinishedTask? {
        if Task.isCancelled { return nil }
        var finished = FinishedTask(task: task, rules: rules, ending: .revoked(.revoked))
        if let reason = task.revocation(revoked, options.clock) {
            log.revoked(task.request, reason)
            finished.ending = .revoked(reason)
            return finished
        }
        var bodySize = 0
        defer { LargeBodies.used(size: bodySize) }
        do throws(MessageError) {
            let payload = try TaskPayload(task.message, options.bodyLimits) {
                bodySize = $0
                LargeBodies.used(size: $0)
            }
            turn?.isRead(size: bodySize)
            finished.payload = payload
            if payload.hasSequel { finished.succession = try CanvasSuccession(payload) }
        } catch {
            finished.ending = .refused(error)
            return finished
        }
        if let writer, let copy = ChordBodyCopy(task.request.headers) {
            let (begins, problem) = await writer.begins(copy)
            guard begins else {
                log.sentTwice(task.request, copy)
                message.finish(.acknowledge)
                return nil
            }
            if let problem { finished.problems = [problem] }
            guard message.mayStart else {
                message.drop()
                return nil
            }
        }
        // Once more, because what is acknowledged here does not come back.
        if Task.isCancelled { return nil }
        // Before the acknowledgement: of a worker that ends with it, nothing else tells that the task was its own.
        log.started(task.request)
        if !rules.acksLate {
            guard message.acknowledgeEarly(task) else {
                log.notStarted(task.request)
                message.drop()
                return nil
            }
            await confirmAcknowledgement(of: message, task)
        }
        if rules.storesResult, rules.tracksStart, let problem = await writer?.storeStarted(started(task.request)) {
            finished.problems.append(problem)
        }
        let context = TaskContext(
            request: task.request, queue: task.queue, environment: environment,
            payload: finished.payload?.chord == nil ? nil : finished.payload)
        observers.observe(.started(task.request))
        let start = ContinuousClock.now
        active.begin(ActiveTasks.Entry(task: task, begin: start, isAcknowledged: !rules.acksLate), in: slot)
        let outcome = await task.handler.outcome(
            context, finished.payload ?? TaskPayload(), observers.middleware, waited: task.receivedAt.map { start - $0 }
        )
        finished.runtime = .now - start
        active.end(in: slot)
        log.ended(task.request, outcome, after: finished.runtime)
        if rules.acksLate, !message.isHeld { log.lost(task.request) }
        if !observers.middleware.isEmpty { finished.serviceContext = context.serviceContext }
        finished.children = context.children
        finished.unlocked = context.record.unlocked
        finished.ending = .ran(outcome)
        return finished
    }

    /// Waits until the broker has heard that a message was acknowledged which had come before: its task may be one that ends
    /// the whole process, and must not do so again and again. Of other messages the broker hears a moment later.
    ///
    /// Where the connection is lost before the broker has answered it may have heard of it, and the task runs: else perhaps
    /// nobody would run it.
    private func confirmAcknowledgement(of message: HeldMessage, _ task: ReceivedTask) async {
        guard task.request.delivery.isRedelivered else { return }
        if await !waitAtMost(Self.longestFlush, for: { await message.flush() }) { log.startedUnconfirmed(task.request) }
    }

    private func started(_ request: TaskRequest) -> StoredResult {
        StoredResult(
            TaskResult(
                id: request.id, state: .started,
                result: ["pid": .integer(Int(ProcessInfo.processInfo.processIdentifier)), "hostname": .string(name)],
                groupID: request.group, parentID: request.parentID),
            route: ReplyRoute(request))
    }
}
