import CeleryProtocol
import Testing

@Suite struct LogTextTests {
    @Test(arguments: [
        "", "plain", "C:\\new 'text'", "caf\u{e9} \u{4e2d} \u{1f600}", String(repeating: "x", count: 300),
    ])
    func whatCanBeShownStaysAsItIs(text: String) {
        #expect(LogText(text).description == text)
    }

    @Test(
        arguments: [
            ("a\nb", #"'a\nb'"#), ("\r", #"'\r'"#), ("\u{1b}[31m", #"'\x1b[31m'"#), ("\u{202e}x", #"'\u202ex'"#),
            ("\u{2066}\u{2069}", #"'\u2066\u2069'"#), ("\u{200b}", #"'\u200b'"#), ("\u{feff}", #"'\ufeff'"#),
            ("\u{2028}\u{2029}", #"'\u2028\u2029'"#), ("\u{7f}\u{85}\0", #"'\x7f\x85\x00'"#), ("\u{a0}", #"'\xa0'"#),
            ("it's\n\\", #"'it\'s\n\\'"#), ("\u{e000}", #"'\ue000'"#), ("\u{e0001}", #"'\U000e0001'"#),
        ])
    func whatWouldBreakTheLineOrHideSomethingIsEscaped(text: String, shown: String) {
        #expect(LogText(text).description == shown)
    }

    @Test func whatIsLongIsCutWithTheNumberOfBytesThatAreMissing() {
        #expect(LogText(String(repeating: "x", count: 510), limit: 10).description == "xxxxxxxxxx… (500 more)")
        #expect(LogText("\n" + String(repeating: "x", count: 509), limit: 10).description == "'\\nxxxxxxx'… (502 more)")
        // Characters that are made of many others.
        let marks = "e" + String(repeating: "\u{301}", count: 100_000)
        #expect(LogText(marks).description.utf8.count < 600)
        #expect(LogText(String(repeating: "\u{202e}", count: 1000)).description.utf8.count < 600)
    }

    /// Each would take a second or more if all of it was looked at.
    @Test func whatIsCutIsNotLookedAt() {
        let long = String(repeating: "a line\n", count: 8 << 20)
        let failure = TaskFailure(type: long, message: long, traceback: long)
        let clock = ContinuousClock()
        let time = clock.measure {
            for _ in 0..<100 {
                #expect(LogText(long).description.utf8.count < 600)
                #expect(LogText(failure).description.utf8.count < 600)
                #expect(PythonRepr.quoted(JSONValue.array([.string(long), ["k": .string(long)]])).utf8.count < 600)
            }
        }
        #expect(time < .seconds(20))
    }

    @Test func aFailureIsOneLineWhateverItsTypeIsCalled() {
        let failure = TaskFailure(type: "Evil\n\u{1b}[2J", arguments: ["a\nb", ["k\n": "\u{202e}"]])
        #expect(failure.description == #"'Evil\n\x1b[2J'('a\nb', {'k\n': '\u202e'})"#)
        #expect(LogText(failure).description == failure.description)
    }

    @Test func theLinesOfATracebackStay() {
        #expect(LogText.lines("a\n\tb\u{1b}[31m\r\n") == "a\n\tb\\x1b[31m\\r\n")
        #expect(LogText.lines("Traceback:\n  File") == "Traceback:\n  File")
    }
}
