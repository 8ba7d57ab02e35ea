import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TerminationTests {
    private func ask(_ bench: Bench, _ method: String, _ arguments: JSONObject) async throws -> JSONValue? {
        try await bench.client.control.ask(method, arguments: arguments, timeout: .seconds(20), limit: 1).first?.value
    }

    private func handler(_ started: Notes<String>, _ ended: Notes<CancellationReason?>, _ gate: Gate) -> TaskHandler {
        TaskHandler(named: "tasks.slow") { context, args, _ in
            started.add(context.id)
            defer { ended.add(context.cancellationReason) }
            if args == ["deaf"] { await gate.passUncancelled() } else { try await Gate().pass() }
            return 1
        }
    }

    @Test(arguments: ["obeys", "deaf"])
    func aRunningTaskIsEndedAndItsSlotGoesOn(kind: String) async throws {
        let (started, ended, gate) = (Notes<String>(), Notes<CancellationReason?>(), Gate())
        try await withBench(options: .init(concurrency: 1)) {
            handler(started, ended, gate)
            TaskHandler(named: "tasks.quick") { _, _, _ in "ran" }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.slow", arguments: [.string(kind)])
            _ = try await started.next()
            let reply = try await ask(
                bench, "revoke", ["task_id": .string(task.id), "terminate": true, "signal": "SIGKILL"])
            #expect(reply == ["ok": .string("terminate: \(task.id)")])
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.type == "TaskRevokedError" && failure?.message == "terminated")
            #expect(try await task.status() == .revoked)
            #expect(try await bench.client.enqueue(named: "tasks.quick").value() == "ran")
            let strays = try await ask(bench, "stats", [:])?.objectValue?["pool"]?.objectValue?["strays"]
            #expect(strays == (kind == "deaf" ? 1 : 0))
            gate.open()
            #expect(try await ended.next() == .terminated)
        }
    }

    @Test func whatItSaysWhenNothingIsEnded() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.quick") { _, _, _ in "ran" }
        } _: { bench async throws in
            #expect(
                try await ask(bench, "terminate", ["signal": "TERM", "task_id": ["nobody"]])
                    == ["ok": "terminate: tasks unknown"])
            #expect(
                try await ask(bench, "terminate", ["signal": "SIGNONE", "task_id": ["nobody"]])
                    == ["error": "AttributeError(\"module 'signal' has no attribute 'SIGNONE'\")"])
            #expect(
                try await ask(bench, "revoke_by_stamped_headers", ["headers": ["a": ["b"]], "terminate": true])
                    == ["ok": "headers {'a': ['b']} were not terminated"])
            #expect(
                try await ask(bench, "time_limit", ["task_name": "tasks.none", "hard": 1]) == ["error": "unknown task"])
        }
    }

    @Test func timeLimitsCanBeChanged() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.left") { context, _, _ in .bool(context.deadline != nil) }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.left").value() == false)
            #expect(
                try await ask(bench, "time_limit", ["task_name": "tasks.left", "hard": 60, "soft": 30.5])
                    == ["ok": "time limits set successfully"])
            #expect(try await bench.client.enqueue(named: "tasks.left").value() == true)
        }
    }

    @Test func rateLimitsCanBeChanged() async throws {
        try await withBench(options: .init(concurrency: 2)) {
            TaskHandler(named: "tasks.rare", options: .init(rateLimit: .perHour(1))) { _, args, _ in args[0] }
            TaskHandler(named: "tasks.often") { _, _, _ in "passed" }
        } _: { bench async throws in
            let first = try await bench.client.enqueue(named: "tasks.rare", arguments: [1])
            let second = try await bench.client.enqueue(named: "tasks.rare", arguments: [2])
            // A request that cannot be obeyed changes nothing.
            let unknown: JSONObject = ["task_id": .string(second.id), "terminate": true, "signal": "SIGNONE"]
            #expect(
                try await ask(bench, "revoke", unknown)
                    == ["error": "AttributeError(\"module 'signal' has no attribute 'SIGNONE'\")"])
            #expect(try await first.value() == 1)
            // It passes the one that is kept back.
            #expect(try await bench.client.enqueue(named: "tasks.often").value() == "passed")
            #expect(try await second.status() == .pending)
            let wrong: JSONObject = ["task_name": "tasks.rare", "rate_limit": "x/s"]
            let words = "Invalid rate limit string: ValueError(\"could not convert string to float: 'x'\")"
            #expect(try await ask(bench, "rate_limit", wrong) == ["error": .string(words)])
            #expect(
                try await ask(bench, "rate_limit", ["task_name": "tasks.rare", "rate_limit": "5/x"])
                    == ["error": "KeyError('x')"])
            #expect(
                try await ask(bench, "rate_limit", ["task_name": "tasks.rare", "rate_limit": "100/s"])
                    == ["ok": "new rate limit set successfully"])
            #expect(try await second.value() == 2)
            #expect(
                try await ask(bench, "registered", [:]) == ["tasks.often", "tasks.rare [rate_limit=100/s]"])
            #expect(
                try await ask(bench, "rate_limit", ["task_name": "tasks.rare", "rate_limit": 0])
                    == ["ok": "rate limit disabled successfully"])
            // Celery's words for a text, which is true in Python.
            #expect(
                try await ask(bench, "rate_limit", ["task_name": "tasks.rare", "rate_limit": "0"])
                    == ["ok": "new rate limit set successfully"])
        }
    }

    @Test func aTaskThatItsRateLimitKeepsBackIsRevokedAtOnce() async throws {
        try await withBench(options: .init(concurrency: 2, rateLimit: .perHour(1))) {
            TaskHandler(named: "tasks.rare") { _, args, _ in args[0] }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.rare", arguments: [1]).value() == 1)
            let second = try await bench.client.enqueue(named: "tasks.rare", arguments: [2])
            _ = try await ask(bench, "revoke", ["task_id": .string(second.id)])
            let failure = await #expect(throws: TaskFailure.self) { try await second.value() }
            #expect(failure?.type == "TaskRevokedError")
        }
    }
}
