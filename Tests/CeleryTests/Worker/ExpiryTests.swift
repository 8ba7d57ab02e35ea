import Celery
import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExpiryTests {
    func run(_ headers: JSONObject) async throws -> (result: TaskResult?, runs: Int, settlement: Settlement) {
        let runs = Counter()
        return try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in
                runs.next()
                return 1
            }
        } _: { bench async throws in
            var headers = headers
            headers["task"] = "tasks.echo"
            headers["id"] = "x"
            let settlement = try await bench.settlement(of: Envelope(headers: headers).bytes)
            return (try await bench.client.handle(id: "x").result(), runs.total, settlement)
        }
    }

    static func time(_ seconds: Double) throws -> JSONValue {
        .string(try PythonDateTime(Date().addingTimeInterval(seconds)).isoFormat)
    }

    func expectExpired(_ outcome: (result: TaskResult?, runs: Int, settlement: Settlement)) {
        #expect(outcome.runs == 0)
        #expect(outcome.settlement == .acknowledge)
        #expect(outcome.result?.state == .revoked)
        #expect(
            outcome.result?.result == [
                "exc_type": "TaskRevokedError", "exc_message": ["expired"], "exc_module": "celery.exceptions",
            ])
        #expect(outcome.result?.dateDone != nil)
    }

    @Test func anExpiredTaskIsRevokedAtReceipt() async throws {
        expectExpired(try await run(["expires": Self.time(-1)]))
        expectExpired(try await run(["expires": "2001-01-01T00:00:00"]))
    }

    @Test func aTaskThatExpiresWhileItWaitsIsRevokedBeforeItStarts() async throws {
        expectExpired(try await run(["expires": Self.time(0.1), "eta": Self.time(0.15)]))
    }

    /// The worker that has been given it meanwhile may have run it in time.
    @Test func aTaskThatOthersHaveWhenItHasExpiredIsTheirs() async throws {
        var broker = RecordingBroker()
        let backend = MemoryResultBackend()
        let settled = Counter()
        broker.willSettle = { settled.next() }
        broker.earlierLosses.add(1)
        let time = ManualTime(Date())
        var options = CeleryWorker.Options(concurrency: 1)
        options.clock = .manual(time)
        try await withBench(broker: broker, backend: backend, options: options) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for (id, eta) in [("theirs", 60.0), ("ours", 90.0)] {
                let headers: JSONObject = try [
                    "task": "tasks.echo", "id": .string(id), "eta": Self.time(eta),
                    "expires": id == "theirs" ? Self.time(30) : nil,
                ]
                broker.memory.push(Envelope(headers: headers).bytes, to: "celery")
                _ = try await time.advanceToNext()
            }
            #expect(try await bench.client.handle(id: "ours").value() == 1)
        }
        #expect(settled.total == 1)
        let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
        #expect(try await client.handle(id: "theirs").status() == .pending)
    }

    @Test(arguments: ["2999-01-01T00:00:00", "2999-01-01", "2999-01-01T00:00:00Z", "29990101T000000+0200"])
    func aTaskThatHasNotExpiredRuns(expires: String) async throws {
        let outcome = try await run(["expires": .string(expires)])
        #expect(outcome.runs == 1)
        #expect(outcome.result?.state == .success)
    }

    @Test func theCallerOfAnExpiredTaskIsTold() async throws {
        try await withBench {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(
                named: "tasks.echo", options: .init(expires: .after(.seconds(-5))))
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.type == "TaskRevokedError")
        }
    }
}
