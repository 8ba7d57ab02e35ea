import Celery
import CeleryProtocol
import CeleryTesting
import TestSupport
import Testing

/// Middleware of a package that does not enable `NonisolatedNonsendingByDefault`, written out.
@Suite(.timeLimit(.minutes(1))) struct ConcurrentMiddlewareTests {
    private struct Noting: CeleryMiddleware {
        @TaskLocal static var depth = 0

        let name: String
        let notes: Notes<String>

        @concurrent func send(
            _ task: OutgoingTask, next: @concurrent (OutgoingTask) async throws -> Void
        ) async throws {
            notes.add("\(name) sends")
            var task = task
            task.headers[name] = "sent"
            try await next(task)
        }

        @concurrent func run(
            _ task: IncomingTask, next: @concurrent (IncomingTask) async -> TaskOutcome
        ) async throws -> TaskOutcome {
            notes.add("\(name) runs")
            guard task.context.request.headers[name] == "sent" else { throw Reject(reason: "not sent by \(name)") }
            return await Self.$depth.withValue(Self.depth + 1) { await next(task) }
        }
    }

    @Test func itIsCalledInItsTurn() async throws {
        let notes = Notes<String>()
        let probe = ProbeMiddleware(
            onSend: { task, next in
                notes.add("b sends")
                try await next(task)
            },
            onRun: { task, next in
                notes.add("b runs")
                return await next(task)
            })
        let value = try await withTestCelery(
            middleware: [Noting(name: "a", notes: notes), probe, Noting(name: "c", notes: notes)]
        ) {
            TaskHandler(named: "tasks.any") { _, _, _ in .integer(Noting.depth) }
        } _: { client async throws in
            try await client.enqueue(named: "tasks.any").value()
        }
        #expect(value == 2)
        for expected in ["a sends", "b sends", "c sends", "a runs", "b runs", "c runs"] {
            #expect(try await notes.next() == expected)
        }
    }

    @Test func whatItThrowsIsTheOutcome() async throws {
        let replay = try Replay(middleware: [ProbeMiddleware(), Noting(name: "a", notes: Notes())]) {
            TaskHandler(named: "tasks.any") { _, _, _ in 1 }
        }
        #expect(try await replay.run(Signature<JSONValue>(task: "tasks.any")) == .rejected(requeue: false))
    }
}
