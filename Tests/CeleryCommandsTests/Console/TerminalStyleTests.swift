import Testing

@testable import CeleryCommands

/// Colours are for terminals, and whoever wants none says so in one of the usual ways.
@Suite struct TerminalStyleTests {
    static let rows: [(noColor: Bool, isTerminal: Bool, [String: String], isColored: Bool)] = [
        (false, true, ["TERM": "xterm-256color"], true),
        (false, false, ["TERM": "xterm-256color"], false),
        (false, true, ["TERM": "dumb"], false),
        (false, true, [:], false),
        (true, true, ["TERM": "xterm"], false),
        (false, true, ["TERM": "xterm", "NO_COLOR": "1"], false),
        (false, true, ["TERM": "xterm", "NO_COLOR": ""], true),
        (false, false, ["FORCE_COLOR": "1"], true),
        (false, true, ["TERM": "xterm", "FORCE_COLOR": "0"], false),
        (false, true, ["FORCE_COLOR": "1", "NO_COLOR": "1"], false),
        (true, true, ["FORCE_COLOR": "1"], false),
    ]

    @Test(arguments: rows) func colours(
        noColor: Bool, isTerminal: Bool, environment: [String: String], isColored: Bool
    ) {
        let style = TerminalStyle(noColor: noColor, isTerminal: isTerminal) { environment[$0] }
        #expect(style.isColored == isColored)
        #expect(style("x", .red) == (isColored ? "\u{1b}[31mx\u{1b}[0m" : "x"))
    }
}
