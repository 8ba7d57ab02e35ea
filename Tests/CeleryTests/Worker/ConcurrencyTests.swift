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

    @Test func thePoolGrowsAndShrinks() async throws {
        let (together, later) = (Counter(), Counter())
        let (started, gate) = (Notes<Void>(), Gate())
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.slow") { _, args, _ in
                let running = args == ["waits"] ? together : later
                running.next()
                started.add(())
                if args == ["waits"] { try await gate.pass() }
                for _ in 0..<20 { await Task.yield() }
                running.leave()
                return 1
            }
        } _: { bench async throws in
            func ask(_ method: String, _ arguments: JSONObject = [:]) async throws -> JSONValue? {
                try await bench.client.control.ask(method, arguments: arguments, timeout: .seconds(20), limit: 1).first?
                    .value
            }
            for _ in 0..<3 { try await bench.client.enqueue(named: "tasks.slow", arguments: ["waits"]) }
            try await started.next()
            #expect(together.total == 1)
            #expect(try await ask("pool_grow", ["n": 2]) == ["ok": "pool will grow"])
            for _ in 0..<2 { try await started.next() }
            let stats = try await ask("stats")?.objectValue
            #expect(stats?["pool"]?.objectValue?["max-concurrency"] == 3 && stats?["prefetch_count"] == 12)
            #expect(try await ask("pool_shrink", ["n": 2]) == ["ok": "pool will shrink"])
            for n: JSONValue in [1, -1, .integer(.max)] {
                #expect(try await ask("pool_shrink", ["n": n])?.objectValue?["error"] != nil)
            }
            #expect(try await ask("pool_grow", ["n": .integer(.max)])?.objectValue?["error"] != nil)
            // What runs ends as it would; from then on there is one at a time.
            gate.open()
            for _ in 0..<50 { _ = try await bench.client.enqueue(named: "tasks.slow", arguments: ["one by one"]) }
            #expect(try await bench.client.enqueue(named: "tasks.slow").value() == 1)
            #expect(try await ask("pool_grow") == ["ok": "pool will grow"])
        }
        #expect(together.highest == 3)
        #expect(later.total == 51 && later.highest == 1)
    }

    @Test func ofThoseThatAreTooManyTheOnesWithoutATaskGo() async throws {
        let (begun, started, gate) = (Counter(), Notes<JSONValue>(), Gate())
        try await withBench(options: .init(concurrency: 3)) {
            TaskHandler(named: "tasks.slow") { _, args, _ in
                begun.next()
                started.add(args[0])
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            for name: JSONValue in ["first", "second"] {
                try await bench.client.enqueue(named: "tasks.slow", arguments: [name])
                #expect(try await started.next() == name)
            }
            let replies = try await bench.client.control.ask(
                "pool_shrink", arguments: ["n": 1], timeout: .seconds(20), limit: 1)
            #expect(replies.first?.value == ["ok": "pool will shrink"])
            let third = try await bench.client.enqueue(named: "tasks.slow", arguments: ["third"])
            // It is here, and waits for a slot.
            var reserved = 0
            while reserved == 0 {
                reserved =
                    try await bench.client.control.ask("reserved", timeout: .seconds(20), limit: 1)
                    .first?.value.arrayValue?.count ?? 0
            }
            #expect(begun.total == 2)
            gate.open()
            #expect(try await third.value() == 1)
        }
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
