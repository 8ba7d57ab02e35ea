import ArgumentParser
import Celery
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryCommands

@Suite struct CommandTimeoutTests {
    @Test(
        arguments: [["--wait", "--result-backend", "rpc://"], []], ["redis", "amqp"])
    func aCallEndsInTimeWhateverTheBrokerDoes(options: [String], scheme: String) async throws {
        // Takes connections and says nothing.
        let server = try LoopbackListener()
        defer { server.end() }
        let command = try CallCommand.parse(
            ["-b", "\(scheme)://127.0.0.1:\(server.port)", "--timeout", "0.2", "a.task"] + options)
        let error = await #expect(throws: CeleryError.self) { try await command.run() }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("has not taken the task within 0.2 seconds") == true)
    }

    @Test func aResultIsWaitedForInTimeWhateverTheBackendDoes() async throws {
        // Takes connections and says nothing.
        let server = try LoopbackListener()
        defer { server.end() }
        let error = await #expect(throws: CeleryError.self) {
            try await Self.result("redis://127.0.0.1:\(server.port)").run()
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message == "task id has not ended within 0.2 seconds")
    }

    @Test func whatWouldWaitInVainIsRefusedBeforeAnythingIsSent() async throws {
        let server = try LoopbackListener()
        defer { server.end() }
        let call = try CallCommand.parse(["-b", "redis://127.0.0.1:\(server.port)", "--wait", "a.task"])
        let error = await #expect(throws: ValidationError.self) { try await call.run() }
        #expect(error?.message.contains("--result-backend") == true)
        for backend in ["rpc://", "disabled://"] {
            let result = try Self.result(backend)
            await #expect(throws: ValidationError.self) { try await result.run() }
        }
    }

    @Test(arguments: ["-1", "256", "high"]) func aPriorityThatMakesNoSenseIsRefused(priority: String) {
        #expect(throws: (any Error).self) { try CallCommand.parse(["a.task", "--priority", priority]) }
    }

    private static func result(_ backend: String) throws -> ResultCommand {
        try ResultCommand.parse(["--result-backend", backend, "--timeout", "0.2", "id"])
    }
}
