internal import CeleryIO
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The tasks that run at present, and how many have started so far: what Celery's `active` and `stats` show.
final class ActiveTasks: Sendable {
    /// One of them.
    struct Entry: Sendable {
        let task: ReceivedTask
        let payload: TaskPayload?
        let begin: Date
        /// Whether its message was acknowledged before.
        let isAcknowledged: Bool
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var next = 0
        var totals: [String: Int] = [:]
    }

    private let state = Locked(State())

    /// A task starts; the number to end it by.
    func begin(_ entry: Entry) -> Int {
        state.withLock { state in
            state.totals[entry.task.request.task, default: 0] += 1
            state.entries[state.next] = entry
            defer { state.next += 1 }
            return state.next
        }
    }

    /// It runs no more.
    func end(_ number: Int) { _ = state.withLock { $0.entries.removeValue(forKey: number) } }

    /// Those that run, in the order in which they have started.
    var all: [Entry] { state.withLock { state in state.entries.sorted { $0.key < $1.key }.map(\.value) } }

    /// How many run.
    var count: Int { state.withLock { $0.entries.count } }

    /// How many have started, by the names of the tasks.
    var totals: [String: Int] { state.withLock { $0.totals } }

    /// How many have started.
    var processed: Int { state.withLock { $0.next } }
}
