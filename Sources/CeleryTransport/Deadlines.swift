internal import CeleryIO
internal import HeapModule

/// Calls back when times have come, with one sleeping task for all of them.
///
/// Many short waits with a long timeout each would leave as many timers behind: one that is cancelled stays with the
/// system until its time.
package final class Deadlines: Sendable {
    /// Those of the process.
    package static let shared = Deadlines()

    /// Longer is not slept at a stretch: a clock of nanoseconds does not reach to every instant.
    private static let longestSleep = Duration.seconds(3600)

    private struct Entry: Comparable {
        let instant: ContinuousClock.Instant
        let number: Int

        static func < (left: Entry, right: Entry) -> Bool {
            left.instant == right.instant ? left.number < right.number : left.instant < right.instant
        }
    }

    private struct State {
        var heap = Heap<Entry>()
        /// By number; what was removed is missing, and its entry in the heap means nothing.
        var actions: [Int: @Sendable () -> Void] = [:]
        var next = 0
        var sleeper: (task: Task<Void, Never>, until: ContinuousClock.Instant)?
    }

    private let state = Locked(State())

    package init() {}

    /// How many are to come.
    package var count: Int { state.withLock { $0.actions.count } }

    /// How much is kept for them.
    var entries: Int { state.withLock { $0.heap.count } }

    /// Calls `action` once, at this time or a little later, unless it is removed before.
    ///
    /// - Returns: the number to remove it by.
    package func add(_ instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            defer { state.next += 1 }
            state.heap.insert(Entry(instant: instant, number: state.next))
            state.actions[state.next] = action
            sleep(&state)
            return state.next
        }
    }

    /// Forgets an action; one that was called already, or is about to be, is not brought back.
    package func remove(_ number: Int) {
        state.withLock { state in
            state.actions[number] = nil
            // Entries without an action go when they are the greater part.
            guard state.heap.count > 2 * state.actions.count + 64 else { return }
            state.heap = Heap(state.heap.unordered.filter { state.actions[$0.number] != nil })
        }
    }

    /// Calls all actions that are to come, now.
    package func callAll() {
        let actions = state.withLock { state in
            state.heap = Heap()
            defer { state.actions = [:] }
            return state.actions.sorted { $0.key < $1.key }.map(\.value)
        }
        for action in actions { action() }
    }

    private func wake() {
        let due = state.withLock { state in
            let now = ContinuousClock.now
            state.sleeper = nil
            var due: [@Sendable () -> Void] = []
            while let first = state.heap.min {
                guard let action = state.actions[first.number] else {
                    state.heap.removeMin()
                    continue
                }
                guard first.instant <= now else { break }
                state.heap.removeMin()
                state.actions[first.number] = nil
                due.append(action)
            }
            sleep(&state)
            return due
        }
        for action in due { action() }
    }

    /// Sees to it that somebody sleeps until the first entry.
    private func sleep(_ state: inout State) {
        guard let first = state.heap.min else { return }
        let until = min(first.instant, .now + Self.longestSleep)
        if let sleeper = state.sleeper {
            if sleeper.until <= until { return }
            sleeper.task.cancel()
        }
        // It belongs to all who wait, and ends when nobody does.
        let task = Task {
            do { try await Task.sleep(until: until, clock: .continuous) } catch { return }
            wake()
        }
        state.sleeper = (task, until)
    }
}
