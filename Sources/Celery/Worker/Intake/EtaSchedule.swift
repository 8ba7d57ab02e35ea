internal import CeleryIO
internal import CeleryTransport
internal import HeapModule

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Tasks that wait for their eta in this process.
final class EtaSchedule: Sendable {
    private struct Entry: Comparable {
        let eta: Date
        let number: Int
        let task: WaitingTask

        static func < (left: Entry, right: Entry) -> Bool {
            left.eta == right.eta ? left.number < right.number : left.eta < right.eta
        }

        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
    }

    private struct State {
        var heap = Heap<Entry>()
        /// How many of them are kept whole.
        var whole = 0
        var next = 0
        var isClosed = false
    }

    private let clock: TaskClock
    private let state = Locked(State())
    private let changed = WakeSignal()

    init(clock: TaskClock = .system) { self.clock = clock }

    /// How many wait of which more than the tag is kept.
    var wholeCount: Int { state.withLock { $0.whole } }

    /// Those that wait of which more than the tag is kept, in the order of their etas.
    var all: [(eta: Date, task: PackedTask)] {
        state.withLock { $0.heap.unordered }.sorted().compactMap { entry in
            entry.task.packed.map { (entry.eta, $0) }
        }
    }

    /// Keeps a task until its eta.
    func add(_ task: WaitingTask, until eta: Date) {
        let isFirst = state.withLock { state in
            state.heap.insert(Entry(eta: eta, number: state.next, task: task))
            if task.isWhole { state.whole += 1 }
            state.next += 1
            return state.heap.min?.number == state.next - 1
        }
        if isFirst { changed.signal() }
    }

    /// Takes out what `isWanted` says.
    func take(where isWanted: (WaitingTask) -> Bool) -> [WaitingTask] {
        state.withLock { state in
            var (kept, taken) = ([Entry](), [WaitingTask]())
            for entry in state.heap.unordered {
                if isWanted(entry.task) { taken.append(entry.task) } else { kept.append(entry) }
            }
            if taken.isEmpty { return [] }
            state.heap = Heap(kept)
            state.whole -= taken.count(where: \.isWhole)
            return taken
        }
    }

    /// Ends ``run(_:)``; what still waits is dropped, the broker delivers it again.
    func close() {
        state.withLock { $0.isClosed = true }
        changed.signal()
    }

    /// Hands over each task when its eta has come, until ``close()`` or cancellation.
    func run(_ isDue: @Sendable ([WaitingTask]) -> Void) async {
        while !Task.isCancelled {
            let (due, next, isClosed) = state.withLock { state -> ([WaitingTask], Date?, Bool) in
                let now = clock.now
                var due: [WaitingTask] = []
                while let first = state.heap.min, first.eta <= now {
                    state.heap.removeMin()
                    if first.task.isWhole { state.whole -= 1 }
                    due.append(first.task)
                }
                return (due, state.heap.min?.eta, state.isClosed)
            }
            if isClosed { return }
            if !due.isEmpty { isDue(due) }
            do {
                try await wait(until: next)
            } catch {
                return
            }
        }
    }

    /// Waits for a change or for `date`, whichever is first.
    private func wait(until date: Date?) async throws {
        guard let date else { return try await changed.wait() }
        try await clock.wait(for: changed, until: date)
    }
}
