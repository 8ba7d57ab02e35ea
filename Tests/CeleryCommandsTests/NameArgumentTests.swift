import ArgumentParser
import Celery
import Testing

@testable import CeleryCommands

@Suite struct NameArgumentTests {
    static let unusable = [
        ("", "empty"), ("a\nb", "control characters"), ("\u{1B}[2J", "control characters"),
        ("\0", "control characters"),
        ("a\u{85}b", "control characters"), (String(repeating: "é", count: 128), "longer than 255 bytes"),
    ]

    @Test(arguments: unusable, [["--queue"], ["--task-id"], []])
    func aNameThatCannotBeUsedIsRefusedWithTheReason(name: (String, String), option: [String]) throws {
        let arguments = option + [name.0] + (option.isEmpty ? [] : ["a.task"])
        let error = try #require(#expect(throws: (any Error).self) { try CallCommand.parse(arguments) })
        let text = CallCommand.message(for: error)
        #expect(text.contains(name.1) && text.contains(option.first ?? "<name>"), "\(text)")
    }

    @Test(arguments: unusable.dropFirst())
    func queuesAndWorkersHaveNamesThatCanBeUsed(name: (String, String)) throws {
        for option in ["-Q", "-n"] {
            let error = try #require(
                #expect(throws: (any Error).self) {
                    try WorkerArguments.parse([option, name.0]).configuration(over: .init())
                })
            #expect(WorkerArguments.message(for: error).contains(name.1))
        }
    }

    @Test(arguments: ["a", "images.resize", "größe", String(repeating: "x", count: 255), "a b", "😀"])
    func anyOtherNameWillDo(name: String) throws {
        #expect(try CallCommand.parse(["--queue", name, name]).queue == name)
        #expect(try WorkerArguments.parse(["-Q", name]).queues.consumedQueues(.init()).map(\.name) == [name])
    }

    @Test func theDefaultExchangeHasAnEmptyName() throws {
        #expect(try CallCommand.parse(["--exchange", "", "--routing-key", "", "a.task"]).exchange == "")
    }
}
