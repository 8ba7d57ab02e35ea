import ArgumentParser
import Celery
import Foundation
import Testing

@testable import CeleryCommands

@Suite struct SettingsFileTests {
    private func withFile<Result>(_ name: String, _ text: String, _ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: folder) } }
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        return try body(file.path)
    }

    @Test(arguments: ["{", "[]", "", "broker_url: redis://h"])
    func whatIsNoTableOfSettingsIsRefused(text: String) throws {
        try withFile("a.json", text) { path in
            let error = #expect(throws: ValidationError.self) { try SettingsFile.read(path) }
            #expect(error?.message.contains("a.json") == true)
        }
    }

    @Test func aFileThatIsNotThereIsRefused() {
        #expect(throws: ValidationError.self) { try SettingsFile.read("/nowhere/at/all.json") }
    }

    @Test func theCommandLineCountsMoreThanTheFileAndTheFileMoreThanTheProgram() throws {
        var program = CeleryConfiguration()
        program.worker.concurrency = 9
        program.worker.etaLimit = 8
        program.worker.acksLate = true
        program.routing.defaultQueue = "program"
        let settings = #"{"worker_concurrency": 3, "worker_prefetch_multiplier": 2, "task_default_queue": "file"}"#
        try withFile("settings.json", settings) { path in
            let arguments = try WorkerArguments.parse([
                "--config", path, "--prefetch-multiplier", "7", "--no-acks-late",
            ])
            let configuration = try arguments.configuration(over: program)
            #expect(configuration.worker.concurrency == 3 && configuration.worker.prefetchMultiplier == 7)
            #expect(configuration.worker.etaLimit == 8 && !configuration.worker.acksLate)
            #expect(try arguments.queues.consumedQueues(configuration) == ["file"])
        }
    }
}
