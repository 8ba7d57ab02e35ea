import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConcurrencyTests {
    @Test(arguments: [1, 3, 8])
    func noMoreTasksRunAtATimeThanTheConcurrencyAllows(concurrency: Int) async throws {
        let running = Counter()
        try await withBench(options: .init(concurrency: concurrency)) {
            TaskHandler(named: "tasks.busy") { _, _, _ in
                running.next()
                for _ in 0..<20 { await Task.yield() }
                running.leave()
                return 1
            }
        } _: { bench async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask { _ = try await bench.client.enqueue(named: "tasks.busy").value() }
                }
                try await group.waitForAll()
            }
        }
        #expect(running.total == 200)
        #expect(running.highest <= concurrency)
        #expect(concurrency == 1 || running.highest > 1)
    }

    @Test func moreThanTwoThousandTasksRunAtATimeWhenTheyMay() async throws {
        let count = 2100
        let (started, gate) = (Counter(), Gate())
        try await withBench(options: .init(concurrency: count, prefetchMultiplier: 1)) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                if started.next() == count { gate.open() }
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            var last: TaskHandle<JSONValue>?
            for _ in 0..<count { last = try await bench.client.enqueue(named: "tasks.slow") }
            #expect(try await last?.value() == 1)
        }
        #expect(started.highest == count)
    }

    @Test(arguments: [(-3, 4), (0, -1), (2, .max), (2, .min)] as [(Int, Int)])
    func optionsOutOfRangeAreTakenForTheNearestThatAreNot(concurrency: Int, multiplier: Int) async throws {
        var options = CeleryWorker.Options()
        options.concurrency = concurrency
        options.prefetchMultiplier = multiplier
        options.etaLimit = -1
        try await withBench(options: options) {
            TaskHandler(named: "tasks.echo") { _, args, _ in args[0] }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.echo", arguments: [5]).value() == 5)
        }
    }

    @Test func asManyRunAsTheConcurrencyAllows() async throws {
        let started = Notes<Void>()
        let gate = Gate()
        try await withBench(options: .init(concurrency: 5, prefetchMultiplier: 1)) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                started.add(())
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            for _ in 0..<8 { try await bench.client.enqueue(named: "tasks.slow") }
            _ = try await started.next(5)
            // The others are still the broker's, or on their way from it.
            gate.open()
            _ = try await started.next(3)
        }
    }

    @Test(arguments: [0, 1, 4], [false, true])
    func manyMoreTasksThanThePrefetchAllRun(multiplier: Int, acksLate: Bool) async throws {
        let runs = Counter()
        try await withBench(
            options: .init(concurrency: 2, prefetchMultiplier: multiplier, acksLate: acksLate)
        ) {
            TaskHandler(named: "tasks.count") { _, args, _ in
                runs.next()
                return args[0]
            }
        } _: { bench async throws in
            var tasks: [TaskHandle<JSONValue>] = []
            for number in 0..<3000 {
                tasks.append(try await bench.client.enqueue(named: "tasks.count", arguments: [.integer(number)]))
            }
            for (number, task) in tasks.enumerated() { #expect(try await task.value() == .integer(number)) }
        }
        #expect(runs.total == 3000)
    }

    @Test func aLateAcknowledgingWorkerHoldsNoMoreThanItsPrefetch() async throws {
        let gate = Gate()
        let started = Notes<Void>()
        try await withBench(options: .init(concurrency: 1, prefetchMultiplier: 3, acksLate: true)) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                started.add(())
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            for _ in 0..<20 { try await bench.client.enqueue(named: "tasks.slow") }
            try await started.next()
            // Read ahead they may have been, but for a moment only.
            while bench.broker.memory.envelopes(in: "celery").count < 17 {
                #expect(try await bench.broker.settlements.next() == .giveBack)
            }
            gate.open()
        }
    }

    @Test func severalQueuesAreConsumed() async throws {
        try await withBench(queues: ["one", "two"]) {
            TaskHandler(named: "tasks.where") { context, _, _ in .string(context.queue) }
        } _: { bench async throws in
            for queue in ["one", "two"] {
                let task = try await bench.client.enqueue(named: "tasks.where", options: .init(queue: queue))
                #expect(try await task.value() == .string(queue))
            }
        }
    }
}
