import ArgumentParser
import Testing

@testable import CeleryCommands

@Suite struct CommandErrorsTests {
    @Test(arguments: [
        ["redis://:hunter2@h/0"], ["amqp://u:hunter2@h//;amqp://u:hunter2@k//"], ["-bredis://:hunter2@h", "bogus"],
        ["--brokr=redis://:hunter2@h"], ["--concurrency", "redis://:hunter2@h"], ["--concurrency=redis://:hunter2@h"],
        [":hunter2@h"], ["u:hunter2@h/0"], ["redis://:my hunter2@h"], ["redis://h?password=hunter2"],
        ["redis://h?password=x@hunter2"], ["redis://:%68unter2@h"], ["redis://:a/hunter2@h"], ["redis://:a#hunter2@h"],
        ["--loglevel", "redis://:hunter2@h"], ["--visibility-timeout=redis://:hunter2@h"], ["redis://hunter2@h"],
        ["--broker-transport-option", ":hunter2@h"],
    ])
    func anArgumentThatIsNotUnderstoodIsRepeatedWithoutItsPassword(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try WorkerArguments.parse(arguments) }
        let text = WorkerArguments.fullMessage(for: try #require(error))
        let shown = CommandErrors.hideAddresses(in: text, given: arguments)
        #expect(!shown.contains("unter2"), "\(shown)")
        #expect(shown.hasPrefix("Error: "))
    }

    @Test(arguments: [["redis://h/0"], ["what@ever"], ["--concurrency", "many"]])
    func whatHoldsNoPasswordIsShown(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) { try WorkerArguments.parse(arguments) }
        let text = WorkerArguments.fullMessage(for: try #require(error))
        #expect(CommandErrors.hideAddresses(in: text, given: arguments) == text)
    }

    private struct Program: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "tool", subcommands: [CallCommand.self])
    }

    @Test func whatIsFoundWrongWhileASubcommandRunsComesWithItsUsage() {
        let error = ValidationError("that is wrong")
        let lines = CommandErrors.message(of: CallCommand.self, error, of: Program.self).split(separator: "\n")
        #expect(lines.first == "Error: that is wrong")
        #expect(lines.dropFirst().first?.hasPrefix("Usage: tool call ") == true)
        #expect(lines.last == "  See 'tool call --help' for more information.")
        #expect(
            CommandErrors.message(of: Program.self, error, of: Program.self).contains("Usage: tool"))
    }
}
