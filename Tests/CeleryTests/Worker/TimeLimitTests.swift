import Celery
import CeleryIO
import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct TimeLimitTests {
    private static let short = Duration.milliseconds(50)
    private static let softFailure = TaskFailure(
        type: "SoftTimeLimitExceeded", module: "billiard.exceptions", arguments: [])

    /// The failure that a task has come to.
    private func failure(of task: TaskHandle<JSONValue>) async throws -> TaskFailure {
        var failure = try #require(await #expect(throws: TaskFailure.self) { try await task.value() })
        #expect(failure.traceback != nil)
        failure.traceback = nil
        return failure
    }

    @Test(arguments: [true, false])
    func aSoftLimitCancelsAHandlerAndItsCancellationErrorIsAFailure(isOfMessage: Bool) async throws {
        let own = TaskOptions(softTimeLimit: isOfMessage ? .seconds(60) : Self.short)
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.slow", options: own) { _, args, _ in
                if args.isEmpty { try await Gate().pass() }
                return "ran"
            }
        } _: { bench async throws in
            let options = SendOptions(softTimeLimit: isOfMessage ? Self.short : nil)
            let task = try await bench.client.enqueue(named: "tasks.slow", options: options)
            #expect(try await failure(of: task) == Self.softFailure)
            // The slot goes on.
            #expect(try await bench.client.enqueue(named: "tasks.slow", arguments: [1]).value() == "ran")
        }
    }

    @Test func aHandlerMayCatchTheCancellationAndReturn() async throws {
        let notes = Notes<(reason: CancellationReason?, left: Duration?)>()
        try await withBench(options: .init(concurrency: 1, softTimeLimit: Self.short, timeLimit: .seconds(50))) {
            TaskHandler(named: "tasks.slow") { context, _, _ in
                notes.add((context.cancellationReason, context.timeRemaining))
                do { try await Gate().pass() } catch { notes.add((context.cancellationReason, context.timeRemaining)) }
                return "in time"
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.slow").value() == "in time")
            let (before, after) = (try await notes.next(), try await notes.next())
            #expect(before.reason == nil && after.reason == .softTimeLimit(Self.short))
            #expect(try #require(before.left) <= Self.short)
            // Now the hard limit is the next one.
            #expect((Duration.seconds(40)...Duration.seconds(50)).contains(try #require(after.left)))
        }
    }

    /// A library wraps the cancellation in an error of its own; a failure that the handler makes is what it says.
    @Test(arguments: [true, false])
    func whatAHandlerThrowsAfterItsSoftLimit(isItsOwn: Bool) async throws {
        struct Wrapped: Error {}
        let own = TaskFailure(type: "ValueError", message: "half done")
        try await withBench(options: .init(concurrency: 1, softTimeLimit: Self.short)) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                do { try await Gate().pass() } catch { throw isItsOwn ? own : Wrapped() as any Error }
                return 1
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.slow")
            #expect(try await failure(of: task) == (isItsOwn ? own : Self.softFailure))
        }
    }

    /// It is tried no more, for a reason that it gives itself.
    @Test func aRetryWithoutTriesLeftAfterTheSoftLimitFailsWithItsReason() async throws {
        let own = TaskFailure(type: "ValueError", message: "half done")
        try await withBench(options: .init(concurrency: 1, softTimeLimit: Self.short)) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                do { try await Gate().pass() } catch { throw Retry(because: own, maxRetries: 0) }
                return 1
            }
        } _: { bench async throws in
            #expect(try await failure(of: try await bench.client.enqueue(named: "tasks.slow")) == own)
        }
    }

    /// The worker's end has interrupted it, and it goes back: its soft limit, a moment later, does not count.
    @Test func theFirstReasonCountsUntilSomebodyEndsTheRun() {
        let record = RunRecord()
        #expect(record.cancel(.shutdown))
        #expect(!record.cancel(.softTimeLimit(Self.short)))
        #expect(record.cancellation == .shutdown)
        #expect(record.end(.hardTimeLimit(Self.short))?.cancellation == .hardTimeLimit(Self.short))
        #expect(!record.cancel(.shutdown) && record.hasEnded)
    }

    @Test func aHardLimitEndsATaskWhoseHandlerDoesNotReturnAndItsSlotGoesOn() async throws {
        let gate = Gate()
        let notes = Notes<CancellationReason?>()
        try await withBench(options: .init(concurrency: 1, timeLimit: Self.short)) {
            TaskHandler(named: "tasks.deaf") { context, _, _ in
                await gate.passUncancelled()
                notes.add(context.cancellationReason)
                await #expect(throws: CancellationError.self) { try await context.report(progress: 1, of: 2) }
                return 1
            }
            TaskHandler(named: "tasks.quick", options: .init(timeLimit: .seconds(60))) { _, _, _ in "ran" }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.deaf")
            let expected = TaskFailure(
                type: "TimeLimitExceeded", module: "billiard.exceptions", arguments: [0.05])
            #expect(try await failure(of: task) == expected)
            #expect(try await bench.client.enqueue(named: "tasks.quick").value() == "ran")
            gate.open()
            #expect(try await notes.next() == .hardTimeLimit(Self.short))
            // What it returns changes nothing.
            #expect(try await task.status() == .failure)
        }
    }

    @Test func withAsManyStraysAsThereMayBeASlotWaitsForItsHandler() async throws {
        let gate = Gate()
        let lines = LogLines()
        var options = CeleryWorker.Options(concurrency: 1, timeLimit: Self.short, strayLimit: 0)
        options.prefetchMultiplier = 2
        try await withBench(options: options, logger: lines.logger) {
            TaskHandler(named: "tasks.deaf") { _, _, _ in
                await gate.passUncancelled()
                return 1
            }
            TaskHandler(named: "tasks.quick", options: .init(timeLimit: .seconds(60))) { _, _, _ in "ran" }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.deaf")
            _ = try await failure(of: task)
            let quick = try await bench.client.enqueue(named: "tasks.quick")
            _ = try await lines.next("its slot is lost until one of them returns")
            #expect(try await quick.status() == .pending)
            gate.open()
            #expect(try await quick.value() == "ran")
        }
    }

    @Test(arguments: [0, 1])
    func aWorkerEndsThoughAStrayRunsOn(limit: Int) async throws {
        let gate = Gate()
        let lines = LogLines()
        let options = CeleryWorker.Options(concurrency: 1, timeLimit: Self.short, strayLimit: limit)
        try await withBench(options: options, logger: lines.logger) {
            TaskHandler(named: "tasks.deaf") { _, _, _ in
                await gate.passUncancelled()
                return 1
            }
        } _: { bench async throws in
            _ = try await failure(of: try await bench.client.enqueue(named: "tasks.deaf"))
        }
        gate.open()
        #expect(!lines.lines.contains { $0.contains("without waiting any longer") })
    }

    @Test(arguments: [(true, Settlement.acknowledge), (false, .requeue)])
    func aLateMessageWhoseTaskTookTooLong(acksOnFailure: Bool, settlement: Settlement) async throws {
        let runs = Counter()
        let options = CeleryWorker.Options(
            concurrency: 1, acksLate: true, acksOnFailure: acksOnFailure, timeLimit: Self.short)
        try await withBench(options: options) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                if runs.next() == 1 { try await Gate().pass() }
                return 1
            }
        } _: { bench async throws in
            _ = try await bench.client.enqueue(named: "tasks.slow")
            #expect(try await bench.broker.settlements.next() == settlement)
        }
    }

    @Test func aWorkerThatEndsIsAReasonToo() async throws {
        let notes = Notes<CancellationReason?>()
        let broker = RecordingBroker()
        let worker = try CeleryWorker(broker: broker, options: .init(concurrency: 1), logger: Bench.logger) {
            TaskHandler(named: "tasks.slow") { context, _, _ in
                notes.add(context.cancellationReason)
                do { try await Gate().pass() } catch { notes.add(context.cancellationReason) }
                return 1
            }
        }
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let running = Task { try await worker.run() }
        try await client.enqueue(named: "tasks.slow")
        #expect(try await notes.next() == nil)
        running.cancel()
        #expect(try await notes.next() == .shutdown)
        try await running.value
        await client.close()
    }

    @Test func theMessageCountsMoreThanTheHandlerAndThatMoreThanTheWorker() throws {
        let rules = TimeLimitRules(soft: .seconds(1), hard: .seconds(2))
        func limits(_ message: (Duration?, Duration?), _ own: TaskOptions) -> [Duration?] {
            var request = TaskRequest(task: "a", id: "a")
            (request.softTimeLimit, request.timeLimit) = message
            let task = ReceivedTask(
                queue: "", message: Message(body: []), request: request,
                handler: TaskHandler(named: "a", options: own) { _, _, _ in 1 })
            let limits = rules.limits(of: task, from: .now)
            return [limits?.soft, limits?.hard]
        }
        let own = TaskOptions(softTimeLimit: .seconds(3), timeLimit: .seconds(4))
        #expect(limits((nil, nil), .init()) == [.seconds(1), .seconds(2)])
        #expect(limits((nil, nil), own) == [.seconds(3), .seconds(4)])
        #expect(limits((.seconds(5), nil), own) == [.seconds(5), .seconds(4)])
        #expect(limits((nil, .seconds(6)), .init(softTimeLimit: .zero)) == [.seconds(1), .seconds(6)])
        rules.set("a", soft: nil, hard: .seconds(7))
        #expect(limits((nil, nil), own) == [.seconds(1), .seconds(7)])
    }

    @Test(arguments: [40, 62])
    func aLimitThatNoClockHoldsEndsNothing(power: Int) async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.quick") { context, _, _ in .bool(context.timeRemaining != .zero) }
        } _: { bench async throws in
            let limit = Duration.seconds(1 << power)
            let options = SendOptions(timeLimit: limit, softTimeLimit: limit)
            #expect(try await bench.client.enqueue(named: "tasks.quick", options: options).value() == true)
        }
    }
}
