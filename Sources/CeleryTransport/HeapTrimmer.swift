internal import CeleryIO

/// Gives free memory back to the system several times after much of it was used, each time after a delay.
final class HeapTrimmer: Sendable {
    struct Actions: Sendable {
        /// Called before memory is freed.
        var begin: @Sendable () -> Void
        /// Gives back what is free at the moment.
        var giveBack: @Sendable () -> Void
        /// Called after the last time.
        var end: @Sendable () -> Void
    }

    private let delays: [Duration]
    private let deadlines: Deadlines
    private let actions: Actions
    /// How many times it was given back since the last use; `nil` when it is not going to be any more.
    private let done = Locked<Int?>(nil)

    /// - Parameter delays: how long before each time; at least one.
    init(after delays: [Duration], by deadlines: Deadlines, _ actions: Actions) {
        self.delays = delays
        self.deadlines = deadlines
        self.actions = actions
    }

    /// Much memory may be freed from now on: all the times are to come, though the next one is not put off.
    func begin() {
        let isWaiting = done.withLock { done in
            defer { done = 0 }
            if done == nil { actions.begin() }
            return done != nil
        }
        if !isWaiting { wait(for: 0) }
    }

    private func wait(for number: Int) {
        _ = deadlines.add(.now + delays[number]) { [self] in
            // Counted before: what is used from here on is not among what is given back now, and has all times to come.
            done.withLock { $0 = ($0 ?? 0) + 1 }
            actions.giveBack()
            let next = done.withLock { done -> Int? in
                guard let count = done, count >= delays.count else { return done }
                done = nil
                actions.end()
                return nil
            }
            if let next { wait(for: next) }
        }
    }
}
