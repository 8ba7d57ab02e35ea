import ArgumentParser
import Celery
import CeleryIO
import CeleryTesting
import Testing

@testable import CeleryCommands

/// A worker whose tasks send others, with middleware and routes of its own.
private struct Shop: CeleryWorkerCommand {
    private struct Tenants: CeleryMiddleware {
        func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome {
            guard task.context.request.headers["tenant"] == "north" else { throw Reject() }
            return await next(task)
        }
    }

    var handlers: [TaskHandler] {
        TaskHandler(named: "shop.pay") { context, _, _ in
            try await context.enqueue(named: "shop.mail", arguments: ["Ann"])
            return "paid"
        }
        TaskHandler(named: "shop.lose") { _, _, _ in throw TaskFailure(type: "ValueError", message: "lost") }
    }

    var middleware: [any CeleryMiddleware] { [Tenants()] }

    var configuration: CeleryConfiguration {
        var configuration = CeleryConfiguration()
        configuration.routing = Routing(routes: [.init("shop.mail", to: "mails")])
        return configuration
    }
}

@Suite(.timeLimit(.minutes(1))) struct ReplayRunTests {
    private func fixture(_ task: String, tenant: String = "north") -> Fixture {
        let message = Message(
            headers: ["task": .string(task), "id": "an-id", "tenant": .string(tenant)],
            body: Array("[[], {}, {}]".utf8))
        return Fixture(name: "a fixture", message)
    }

    private func lines(_ fixtures: [Fixture]) async throws -> (lines: [String], code: ExitCode?) {
        let lines = Locked<[String]>([])
        let run = ReplayRun(fixtures, retrying: false) { line in lines.withLock { $0.append(line) } }
        var code: ExitCode?
        do {
            try await run.run(Shop(), Shop().configuration)
        } catch let error as ExitCode {
            code = error
        }
        return (lines.withLock { $0 }, code)
    }

    @Test func aProgramsMessagesPassItsMiddlewareAndGoByItsRoutes() async throws {
        let (lines, code) = try await lines([fixture("shop.pay"), fixture("shop.pay", tenant: "south")])
        #expect(
            lines == [
                "shop.pay[an-id] succeeded: 'paid'", "  sends shop.mail('Ann',) to mails",
                "shop.pay[an-id] rejected its message",
            ])
        #expect(code == .failure)
    }

    @Test func theStatusSaysWhetherAllSucceeded() async throws {
        #expect(try await lines([fixture("shop.pay")]).code == nil)
        #expect(try await lines([fixture("shop.pay"), fixture("shop.lose")]).code == .failure)
    }
}
