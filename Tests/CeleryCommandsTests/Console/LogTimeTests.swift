import Testing

@testable import CeleryCommands

@Suite struct LogTimeTests {
    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000Z"), (1_795_600_800, 7, "2026-11-25T10:00:00.007Z"),
        (951_782_399, 999, "2000-02-28T23:59:59.999Z"),
    ])
    func inUTCATimeIsThatOfRFC3339(seconds: Int, milliseconds: Int, text: String) {
        #expect(LogTime(seconds: seconds, milliseconds: milliseconds).utc == text)
    }

    @Test func hereATimeIsThatOfCelerysLog() {
        let text = LogTime(seconds: 1_795_600_800, milliseconds: 123).local
        // The time zone of this machine may be any.
        #expect(text.wholeMatch(of: /2026-11-2[456] \d\d:\d\d:00,123/) != nil, "\(text)")
    }
}
