internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Runs tasks, as many at a time as there are slots, and hands what they come to to the ``Finisher``.
final class TaskSlots: Sendable {
    private let ready = WorkQueue<ReservedTask>()
    private let options: CeleryWorker.Options
    private let name: String
    private let environment: TaskEnvironment
    private let writer: ResultWriter?
    private let finisher: Finisher
    private let log: TaskLog

    /// - Parameters:
    ///   - name: the worker's name.
    ///   - environment: what tasks may use.
    init(
        options: CeleryWorker.Options, name: String, environment: TaskEnvironment, writer: ResultWriter?,
        finisher: Finisher, log: TaskLog
    ) {
        self.options = options
        self.name = name
        self.environment = environment
        self.writer = writer
        self.finisher = finisher
        self.log = log
    }

    /// How many tasks run at a time.
    private var concurrency: Int { max(1, options.concurrency) }

    // MARK: What comes in

    /// Runs these when there are slots for them.
    func add(_ tasks: [ReservedTask]) { ready.push(contentsOf: tasks) }

    /// Takes back what was put in last and does not run yet, at most so many, in order.
    func takeLast(_ count: Int) -> [ReservedTask] { ready.takeLast(count) }

    /// Nothing starts any more, and ``run()`` ends when what runs has ended. What did not start goes back to its queue
    /// when the consumer is closed.
    func close() { ready.close(discarding: true) }

    // MARK: What is done

    /// Runs tasks until ``close()``.
    func run() async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<concurrency { group.addTask { await self.runSlot() } }
        }
    }

    private func runSlot() async {
        while let reserved = await ready.next() {
            // What the broker gives to others must not run here as well.
            if reserved.message.isHeld { await run(reserved) } else { reserved.message.drop() }
        }
    }

    private func run(_ reserved: ReservedTask) async {
        let (task, message) = (reserved.task, reserved.message)
        // A task that is cancelled before it starts has not begun: its message goes back when the consumer is closed.
        if Task.isCancelled { return message.finish(nil) }
        let rules = TaskRules(task, options, hasBackend: writer != nil)
        var finished = FinishedTask(task: task, rules: rules, ending: .expired)
        if task.isExpired {
            log.expired(task.request)
            return finisher.finish(finished, message)
        }
        var bodySize = 0
        defer { LargeBodies.ended(size: bodySize) }
        do throws(MessageError) {
            let payload = try TaskPayload(
                task.message, maximumBodySize: options.maximumBodySize, size: &bodySize)
            finished.payload = payload
            finished.successors = try Successors(payload, of: task.request)
        } catch {
            log.problem("refused a message that cannot be run as a task", task.request, error)
            finished.ending = .refused(error)
            return finisher.finish(finished, message)
        }
        log.started(task.request)
        // Once more, because what is acknowledged here does not come back.
        if Task.isCancelled { return message.finish(nil) }
        if !rules.acksLate { await acknowledge(message, task) }
        if rules.storesResult, rules.tracksStart { await writer?.storeStarted(started(task.request)) }
        let context = TaskContext(request: task.request, queue: task.queue, environment: environment)
        let start = ContinuousClock.now
        let outcome = await task.handler.outcome(context, finished.payload ?? TaskPayload())
        log.ended(task.request, outcome, after: .now - start)
        finished.children = context.children.map { OutgoingMessage.child($0) }
        finished.ending = .ran(outcome)
        await finisher.finish(finished, message, isIdle: ready.isEmpty)
    }

    /// Before the task runs, though the broker may hear of it a moment later. Unless the message has come before,
    /// perhaps because its task ends the whole process: that is not to happen again and again.
    private func acknowledge(_ message: HeldMessage, _ task: ReceivedTask) async {
        message.acknowledgeEarly()
        if task.request.delivery.isRedelivered { await message.flush() }
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
