internal import CeleryIO

/// The slots. A task is cancelled with the slot that it runs in, which then makes room for another slot: when its handler
/// returns, or before, if it does not. Such a handler is a stray, which holds up nobody; only so many may be about.
final class SlotPool: Sendable {
    /// What becomes of a slot whose task was ended by somebody else than its handler.
    enum Replacement: Sendable, Equatable {
        /// Its handler is a stray now, one of so many, and another slot is in its place.
        case isStray(Int)
        /// There are as many strays as there may be: it is replaced once another one returns.
        case waits
        /// Its handler has returned, or the worker ends.
        case isNeedless
    }

    private struct State {
        var slots: [Int: Slot] = [:]
        var strays = 0
        /// Those that would be strays if there were not too many.
        var waiting: [Slot] = []
        var isCancelled = false
        var isClosed = false
        /// What a slot does, until it is cancelled or there is nothing to do any more.
        var work: @Sendable (Slot) async -> Void = { _ in }

        mutating func makeSlot(_ number: Int) -> Slot {
            let slot = Slot(number)
            slots[number] = slot
            if isCancelled { slot.cancel() }
            return slot
        }

        /// The handler in this slot is a stray, and nothing takes its place; whether no slot is left.
        mutating func abandon(_ slot: Slot) -> Bool {
            slots[slot.number] = nil
            strays += 1
            return slots.isEmpty
        }
    }

    /// How many strays there may be.
    let strayLimit: Int
    private let count: Int
    private let state = Locked(State())
    /// Closed when the last slot has gone.
    private let hasEnded = WorkQueue<Never>()

    /// - Parameters:
    ///   - count: how many slots there are.
    ///   - strayLimit: how many strays there may be.
    init(count: Int, strayLimit: Int) {
        self.count = count
        self.strayLimit = max(0, strayLimit)
    }

    /// How many handlers run on though their tasks have ended long ago.
    var strays: Int { state.withLock { $0.strays } }

    /// Lets the slots work until ``close()``. Strays are not waited for.
    ///
    /// - Parameter work: what a slot does, until it is cancelled or there is nothing to do any more.
    func run(_ work: @escaping @Sendable (Slot) async -> Void) async {
        state.withLock { $0.work = work }
        for number in 0..<count { start(state.withLock { $0.makeSlot(number) }) }
        await hasEnded.next()
        // It may hold whoever holds this.
        state.withLock { $0.work = { _ in } }
    }

    /// Cancels all slots, and those that are still to come.
    func cancel() {
        let slots = state.withLock { state in
            state.isCancelled = true
            return Array(state.slots.values)
        }
        for slot in slots { slot.cancel() }
    }

    /// No slot is replaced any more: there is nothing to do. Those whose tasks have ended are not waited for.
    func close() {
        let isLast = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting.map { state.abandon($0) }.last ?? false
        }
        if isLast { hasEnded.close() }
    }

    /// The task in this slot has ended, and its handler has not returned.
    func replace(_ slot: Slot) -> Replacement {
        let (replacement, new, isLast) = state.withLock { state -> (Replacement, Slot?, Bool) in
            guard state.slots[slot.number] === slot else { return (.isNeedless, nil, false) }
            if state.isClosed { return (.isNeedless, nil, state.abandon(slot)) }
            guard state.strays < strayLimit else {
                state.waiting.append(slot)
                return (.waits, nil, false)
            }
            state.strays += 1
            return (.isStray(state.strays), state.makeSlot(slot.number), false)
        }
        if let new { start(new) }
        if isLast { hasEnded.close() }
        return replacement
    }

    private func start(_ slot: Slot) {
        let work = state.withLock { $0.work }
        slot.begin(
            Task {
                await work(slot)
                leave(slot)
            })
    }

    /// A slot works no more.
    private func leave(_ slot: Slot) {
        let (new, isLast) = state.withLock { state -> (Slot?, Bool) in
            guard state.slots[slot.number] === slot else {
                // A stray has returned, so that there may be another one.
                state.strays -= 1
                guard !state.isClosed, !state.waiting.isEmpty else { return (nil, false) }
                state.strays += 1
                return (state.makeSlot(state.waiting.removeFirst().number), false)
            }
            state.waiting.removeAll { $0 === slot }
            if !state.isClosed { return (state.makeSlot(slot.number), false) }
            state.slots[slot.number] = nil
            return (nil, state.slots.isEmpty)
        }
        if let new { start(new) }
        if isLast { hasEnded.close() }
    }
}
