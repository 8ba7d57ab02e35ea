import CeleryIO
import Testing

@testable import CeleryCommands

@Suite struct ProgressBarTests {
    @Test func theLineSaysHowManyHaveEndedAndHowManyHaveFailed() {
        #expect(ProgressBar.line(done: 0, failed: 0, of: 8).hasSuffix("░ 0 % · 0 of 8 tasks"))
        #expect(ProgressBar.line(done: 4, failed: 1, of: 8).contains("█░") == true)
        #expect(ProgressBar.line(done: 4, failed: 1, of: 8).hasSuffix(" 50 % · 4 of 8 tasks · 1 failed"))
        #expect(ProgressBar.line(done: 8, failed: 0, of: 8).hasSuffix("█ 100 % · 8 of 8 tasks"))
        #expect(ProgressBar.line(done: 0, failed: 0, of: 0).hasSuffix("█ 100 % · 0 of 0 tasks"))
    }

    @Test func whatIsDrawnFirstAndLastIsSureAndTheRestIsNotDrawnTooOften() {
        let texts = Locked<[String]>([])
        let bar = ProgressBar(total: 100_000, output: LogOutput { text in texts.withLock { $0.append(text) } })
        for _ in 0..<100_000 { bar.advance(isFailure: false) }
        bar.end()
        bar.end()
        let drawn = texts.withLock { $0 }
        #expect(drawn.first?.hasSuffix("0 of 100000 tasks") == true && drawn.count < 1000)
        #expect(drawn.last?.hasSuffix("100000 of 100000 tasks\n") == true)
    }
}
