import ArgumentParser
import Testing

@testable import CeleryCommands

@Suite struct CallCommandTests {
    static let ranges = [
        ("--countdown", "from 0 to 9223372036"), ("--priority", "from 0 to 255"),
        ("--timeout", "greater than 0 and not above 9223372036"), ("--time-limit", "greater than 0"),
        ("--soft-time-limit", "greater than 0"),
    ]

    @Test(arguments: ranges, ["-1", "-inf", "nan", "1e99", "soon", "-x"])
    func aNumberOutOfRangeIsRefusedWithTheOptionsNameAndTheRange(option: (String, String), number: String) throws {
        let (name, range) = option
        let error = try #require(#expect(throws: (any Error).self) { try CallCommand.parse([name, number, "a.task"]) })
        let text = CallCommand.message(for: error)
        #expect(text.contains(name) && text.contains(range), "\(text)")
    }

    @Test(arguments: ["-1", "1e99", "inf"])
    func aTimeOfExpiryThatIsNoneIsRefusedWithTheRange(number: String) throws {
        let error = try #require(
            #expect(throws: (any Error).self) { try CallCommand.parse(["--expires", number, "a.task"]) })
        let text = CallCommand.message(for: error)
        #expect(text.contains("--expires") && text.contains("from 0 to 9223372036"), "\(text)")
    }

    @Test func anExchangeThatWouldNotCountIsRefused() throws {
        #expect(throws: (any Error).self) { try CallCommand.parse(["--queue", "q", "--exchange", "e", "a.task"]) }
        _ = try CallCommand.parse(["--queue", "q", "--exchange", "e", "--routing-key", "k", "a.task"])
        _ = try CallCommand.parse(["--exchange", "e", "a.task"])
    }

    @Test func aResultIsWaitedForForAPositiveTime() throws {
        let error = try #require(
            #expect(throws: (any Error).self) { try ResultCommand.parse(["--timeout", "-2", "an-id"]) })
        #expect(ResultCommand.message(for: error).contains("'--timeout <timeout>': it must be a number of seconds"))
    }
}
