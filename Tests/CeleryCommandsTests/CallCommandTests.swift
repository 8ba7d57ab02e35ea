import ArgumentParser
import Testing

@testable import CeleryCommands

@Suite struct CallCommandTests {
    static let ranges = [
        ("--countdown", "from 0 to 9223372036"), ("--priority", "from 0 to 255"),
        ("--timeout", "greater than 0 and not above 9223372036"),
    ]

    @Test(arguments: ranges, ["-1", "-inf", "nan", "1e99", "soon", "-x"])
    func aNumberOutOfRangeIsRefusedWithTheOptionsNameAndTheRange(option: (String, String), number: String) throws {
        let (name, range) = option
        let error = try #require(#expect(throws: (any Error).self) { try CallCommand.parse([name, number, "a.task"]) })
        let text = CallCommand.message(for: error)
        #expect(text.contains(name) && text.contains(range), "\(text)")
    }

    @Test(arguments: ["-1", "1e99", "inf"])
    func aTimeOfExpiryThatIsNoneIsRefusedWithTheRange(number: String) async throws {
        let command = try CallCommand.parse(["-b", "redis://127.0.0.1:1", "--expires", number, "a.task"])
        let error = try #require(await #expect(throws: ValidationError.self) { try await command.run() })
        #expect(error.message.contains("--expires") && error.message.contains("from 0 to 9223372036"))
    }

    @Test func aResultIsWaitedForForAPositiveTime() throws {
        let error = try #require(
            #expect(throws: (any Error).self) { try ResultCommand.parse(["--timeout", "-2", "an-id"]) })
        #expect(ResultCommand.message(for: error).contains("'--timeout <timeout>': it must be a number of seconds"))
    }
}
