internal import CeleryIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// How many of some tasks have ended, in a line that is written over itself; on a terminal only.
final class ProgressBar: Sendable {
    private struct State {
        var done = 0
        var failed = 0
        var drawn: ContinuousClock.Instant?
        var isEnded = false
    }

    private static let width = 30
    /// More often nobody can read it.
    private static let interval = Duration.milliseconds(100)

    private let total: Int
    private let output: LogOutput?
    private let state = Locked(State())

    /// - Parameter output: where it is drawn; `nil` for nowhere.
    init(total: Int, output: LogOutput? = ProgressBar.terminal) {
        self.total = total
        self.output = output
        draw { _ in }
    }

    /// Standard error, if that is a terminal that can go back in a line.
    static var terminal: LogOutput? {
        let isAble = TerminalStyle.isTerminal(STDERR_FILENO) && Environment["TERM"].map { $0 != "dumb" } ?? false
        return isAble ? .standardError : nil
    }

    /// How many tasks have ended.
    var done: Int { state.withLock { $0.done } }

    /// A further task has ended.
    func advance(isFailure: Bool) {
        draw { state in
            state.done += 1
            if isFailure { state.failed += 1 }
        }
    }

    /// The line stays, and what comes next begins a new one.
    func end() {
        draw { $0.isEnded = true }
    }

    private func draw(_ change: (inout sending State) -> Void) {
        let line = state.withLock { state -> String? in
            if state.isEnded { return nil }
            change(&state)
            let now = ContinuousClock.now
            if let drawn = state.drawn, now - drawn < Self.interval, !state.isEnded { return nil }
            state.drawn = now
            return Self.line(done: state.done, failed: state.failed, of: total) + (state.isEnded ? "\n" : "")
        }
        // The rest of a longer line is erased.
        if let output, let line { output.write("\r\u{1b}[K" + line) }
    }

    static func line(done: Int, failed: Int, of total: Int) -> String {
        let filled = total == 0 ? width : width * done / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let percent = total == 0 ? 100 : 100 * done / total
        return "\(bar) \(percent) % · \(done) of \(total) tasks" + (failed == 0 ? "" : " · \(failed) failed")
    }
}
