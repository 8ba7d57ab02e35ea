import ArgumentParser
import CeleryProtocol
import Testing

@testable import CeleryCommands

@Suite struct CallListTests {
    @Test func aLineIsACallWithPositionalOrKeywordArguments() throws {
        let lines = ["[1, 2]", "", "  ", "{\"y\": 3}", "[]\r"]
        let calls = try CallList.calls(lines, keywords: ["x": 0, "y": 0])
        #expect(
            calls == [
                CallList.Call(arguments: [1, 2], keywords: ["x": 0, "y": 0]),
                CallList.Call(arguments: [], keywords: ["x": 0, "y": 3]),
                CallList.Call(arguments: [], keywords: ["x": 0, "y": 0]),
            ])
    }

    @Test(arguments: [("[1", "line 2 is not JSON"), ("7", "line 2 is neither a JSON array nor a JSON object")])
    func aLineThatMakesNoSenseIsNamed(line: String, error: String) throws {
        let thrown = try #require(
            #expect(throws: ValidationError.self) { try CallList.calls(["[]", line], keywords: [:]) })
        #expect(thrown.message.contains(error))
    }

    @Test func aFileThatIsEmptyOrIsNotThereIsRefused() throws {
        #expect(throws: ValidationError.self) { try CallList.calls(["", " "], keywords: [:]) }
        #expect(throws: ValidationError.self) { try CallList.read("/nowhere/calls.jsonl", keywords: [:]) }
    }

    @Test(arguments: [["--args", "[1]"], ["--task-id", "one"]]) func whatIsThatOfOneCallIsRefused(options: [String]) {
        #expect(throws: (any Error).self) { try CallCommand.parse(["a.task", "--each", "calls.jsonl"] + options) }
    }
}
