internal import CeleryIO
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The clock that etas, countdowns, expiries and retries go by: the system's, or one that a test moves.
package struct TaskClock: Sendable {
    private let manual: ManualTime?

    private init(_ manual: ManualTime?) { self.manual = manual }

    /// The system's.
    package static let system = TaskClock(nil)

    /// One that a test moves.
    package static func manual(_ time: ManualTime) -> TaskClock { TaskClock(time) }

    /// The time.
    var now: Date { manual?.now ?? Date() }

    /// Waits for a signal or for `date`, whichever is first; for an hour at most, because somebody may set the clock that
    /// dates go by.
    func wait(for signal: WakeSignal, until date: Date) async throws {
        if let manual {
            let number = manual.add(date) { signal.signal() }
            defer { manual.remove(number) }
            return try await signal.wait()
        }
        let seconds = min(max(0, date.timeIntervalSinceNow), 3600)
        let deadline = Deadlines.shared.add(.now + .seconds(seconds)) { signal.signal() }
        defer { Deadlines.shared.remove(deadline) }
        try await signal.wait()
    }
}
