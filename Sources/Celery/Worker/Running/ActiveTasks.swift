internal import CeleryIO
internal import CeleryProtocol

/// The tasks that run at present, and how many have started so far: what Celery's `active` and `stats` show.
final class ActiveTasks: Sendable {
    /// One of them.
    struct Entry: Sendable {
        let task: ReceivedTask
        let message: HeldMessage
        /// What the message's body holds.
        let payload: TaskPayload?
        let record: RunRecord
        let slot: Slot
        let begin: ContinuousClock.Instant
        /// Whether its message was acknowledged before.
        let isAcknowledged: Bool
        /// What was wrong before it started.
        let problems: [FinishingProblem]
    }

    private struct State {
        /// By the numbers of the slots.
        var entries: [Entry?]
        var totals: [String: Int] = [:]
        var processed = 0
    }

    private let state: Locked<State>

    /// - Parameter slots: how many there are.
    init(slots: Int) { state = Locked(State(entries: Array(repeating: nil, count: slots))) }

    /// A task starts in its slot.
    func begin(_ entry: Entry) {
        state.withLock { state in
            state.totals[entry.task.request.task, default: 0] += 1
            state.processed += 1
            let missing = entry.slot.number + 1 - state.entries.count
            if missing > 0 { state.entries += Array(repeating: nil, count: missing) }
            state.entries[entry.slot.number] = entry
        }
    }

    /// The task in this slot runs no more.
    func end(in slot: Slot) {
        state.withLock { state in
            // Another slot may have taken its place.
            if state.entries[slot.number]?.slot === slot { state.entries[slot.number] = nil }
        }
    }

    /// Those that run, in the order in which they have started.
    var all: [Entry] { state.withLock { $0.entries.compactMap(\.self) }.sorted { $0.begin < $1.begin } }

    /// How many run.
    var count: Int { state.withLock { $0.entries.count { $0 != nil } } }

    /// How many have started, by the names of the tasks.
    var totals: [String: Int] { state.withLock { $0.totals } }

    /// How many have started.
    var processed: Int { state.withLock { $0.processed } }
}
