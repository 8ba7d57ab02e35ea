internal import CeleryIO
internal import CeleryTransport

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// A time that stands still until it is moved.
package final class ManualTime: Sendable {
    private struct State {
        var now: Date
        var waiting: [Int: (date: Date, action: @Sendable () -> Void)] = [:]
        var next = 0
        /// Those who want to know when somebody waits.
        var watchers: [Waiter<Void>] = []

        /// The time that is waited for next.
        var earliest: Date? { waiting.values.lazy.map(\.date).filter { $0 > now }.min() }
    }

    private let state: Locked<State>

    package init(_ now: Date) { state = Locked(State(now: now)) }

    package var now: Date { state.withLock { $0.now } }

    /// Calls `action` when the time has come.
    ///
    /// - Returns: the number to remove it by.
    func add(_ date: Date, _ action: @escaping @Sendable () -> Void) -> Int {
        let (number, isDue, watchers) = state.withLock { state in
            state.next += 1
            if date > state.now { state.waiting[state.next] = (date, action) }
            defer { state.watchers = [] }
            return (state.next, date <= state.now, state.watchers)
        }
        if isDue { action() }
        for watcher in watchers { watcher.settle(.success(())) }
        return number
    }

    func remove(_ number: Int) { state.withLock { $0.waiting[number] = nil } }

    /// Moves the time forward; one that is past already changes nothing.
    package func advance(to date: Date) {
        let due = state.withLock { state in
            state.now = max(state.now, date)
            let due = state.waiting.filter { $0.value.date <= state.now }
            for number in due.keys { state.waiting[number] = nil }
            return due.values.map(\.action)
        }
        for action in due { action() }
    }

    /// Waits until somebody waits for a time that is to come, and moves the time there.
    ///
    /// - Throws: `CancellationError`.
    package func advanceToNext() async throws -> Date {
        while true {
            let (next, watcher) = state.withLock { state -> (Date?, Waiter<Void>) in
                let watcher = Waiter<Void>()
                let next = state.earliest
                if next == nil { state.watchers.append(watcher) }
                return (next, watcher)
            }
            if let next {
                advance(to: next)
                return next
            }
            try await watcher.value()
        }
    }
}
