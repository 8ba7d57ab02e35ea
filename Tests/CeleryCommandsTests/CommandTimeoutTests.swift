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

    @Test(arguments: ["redis://127.0.0.1:", "rpc://"])
    func aResultIsWaitedForInTimeWhateverTheBackendDoes(backend: String) async throws {
        // Takes connections and says nothing.
        let server = try LoopbackListener()
        defer { server.end() }
        let backend = backend.hasSuffix(":") ? backend + String(server.port) : backend
        let command = try ResultCommand.parse([
            "-b", "amqp://127.0.0.1:\(server.port)", "--result-backend", backend, "--timeout", "0.2", "id",
        ])
        let error = await #expect(throws: CeleryError.self) { try await command.run() }
        #expect(error?.code == .timedOut)
        #expect(error?.message == "task id has not ended within 0.2 seconds")
    }
}
