internal import CeleryIO
internal import Synchronization

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
        /// How many slots there are to be. Those that are too many go as soon as they have nothing to do.
        var count: Int
        var slots: [Int: Slot] = [:]
        var strays = 0
        /// Those that would be strays if there were not too many.
        var waiting: [Slot] = []
        var isCancelled = false
        var isClosed = false
        /// What a slot does, until it is cancelled or there is nothing to do any more; `nil` while there are none.
        var work: (@Sendable (Slot) async -> Void)?

        /// Puts a slot in the place of another one; `nil` if there are enough.
        mutating func makeSlot(_ number: Int) -> Slot? {
            slots[number] = nil
            guard slots.count < count else { return nil }
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
    private let state: Locked<State>
    /// How many slots are too many, read for each task.
    private let surplus = Atomic(0)
    /// Closed when the last slot has gone.
    private let hasEnded = WorkQueue<Never>()

    /// - Parameters:
    ///   - count: how many slots there are.
    ///   - strayLimit: how many strays there may be.
    init(count: Int, strayLimit: Int) {
        state = Locked(State(count: count))
        self.strayLimit = max(0, strayLimit)
    }

    /// How many slots there are to be.
    var count: Int { state.withLock { $0.count } }

    /// Whether there are too many, since there were to be fewer.
    var hasSurplus: Bool { surplus.load(ordering: .relaxed) > 0 }

    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        state.withLock { state in
            defer { surplus.store(state.slots.count - state.count, ordering: .relaxed) }
            return body(&state)
        }
    }

    /// There are to be so many slots, at least one. Those that are too many are not cancelled.
    func resize(to count: Int) {
        let new = change { state -> [Slot] in
            state.count = count
            if state.isClosed || state.work == nil { return [] }
            return (0..<count).filter { state.slots[$0] == nil }.compactMap { state.makeSlot($0) }
        }
        for slot in new { start(slot) }
    }

    /// How many handlers run on though their tasks have ended long ago.
    var strays: Int { state.withLock { $0.strays } }

    /// Lets the slots work until ``close()``. Strays are not waited for.
    ///
    /// - Parameter work: what a slot does, until it is cancelled or there is nothing to do any more.
    func run(_ work: @escaping @Sendable (Slot) async -> Void) async {
        state.withLock { $0.work = work }
        resize(to: count)
        await hasEnded.next()
        // It may hold whoever holds this.
        state.withLock { $0.work = nil }
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
        let isLast = change { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting.map { state.abandon($0) }.last ?? false
        }
        if isLast { hasEnded.close() }
    }

    /// The task in this slot has ended, and its handler has not returned.
    func replace(_ slot: Slot) -> Replacement {
        let (replacement, new, isLast) = change { state -> (Replacement, Slot?, Bool) in
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
                await work?(slot)
                leave(slot)
            })
    }

    /// A slot works no more.
    private func leave(_ slot: Slot) {
        let (new, isLast) = change { state -> (Slot?, Bool) in
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
