internal import CeleryIO
internal import DequeModule

/// A queue that tasks wait on: what is put in is taken out in order, each element by one of those who wait.
final class WorkQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements = Deque<Element>()
        var waiters = Deque<CheckedContinuation<Void, Never>>()
        var isClosed = false
        /// Whether nothing is taken in any more.
        var isDiscarding = false
    }

    private let state = Locked(State())

    func push(_ element: Element) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.isDiscarding else { return nil }
            state.elements.append(element)
            return state.waiters.popFirst()
        }
        waiter?.resume()
    }

    func push(contentsOf elements: [Element]) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard !state.isDiscarding else { return [] }
            state.elements.append(contentsOf: elements)
            let count = min(elements.count, state.waiters.count)
            defer { state.waiters.removeFirst(count) }
            return Array(state.waiters.prefix(count))
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Whether there is nothing to take.
    var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

    /// How many there are to take.
    var count: Int { state.withLock { $0.elements.count } }

    /// What is there to take, in order.
    var all: [Element] { state.withLock { Array($0.elements) } }

    /// Takes out what was put in last of what `isWanted` says, at most so many, in order.
    func takeLast(_ count: Int, where isWanted: (Element) -> Bool) -> [Element] {
        state.withLock { $0.elements.takeLast(count, where: isWanted) }
    }

    /// Takes out what `isWanted` says, in order.
    func take(where isWanted: (Element) -> Bool) -> [Element] {
        state.withLock { $0.elements.take(where: isWanted) }
    }

    /// The next element; waits for it. `nil` when the queue is closed and empty. Not cancellable: what is queued has
    /// to be seen to, and closing ends the wait.
    ///
    /// - Parameter isNeedless: asked before an element is taken, and again after ``wakeAll()``; when it says so there is
    ///   none.
    func next(unless isNeedless: () -> Bool = { false }) async -> Element? {
        while true {
            if isNeedless() {
                // It may have been woken for an element.
                wakeOne()
                return nil
            }
            let (element, isClosed) = take { $0.popFirst() }
            if element != nil || isClosed { return element }
            await wait()
        }
    }

    /// Whoever waits looks anew whether it must.
    func wakeAll() {
        let waiters = state.withLock { state in
            defer { state.waiters.removeAll() }
            return Array(state.waiters)
        }
        for waiter in waiters { waiter.resume() }
    }

    private func wakeOne() {
        let waiter = state.withLock { $0.elements.isEmpty ? nil : $0.waiters.popFirst() }
        waiter?.resume()
    }

    /// All elements that are there, at most `limit`; waits for the first. Empty when the queue is closed and empty.
    func nextBatch(limit: Int) async -> [Element] {
        while true {
            let (batch, isClosed) = take { elements -> [Element]? in
                guard !elements.isEmpty else { return nil }
                let count = min(limit, elements.count)
                defer { elements.removeFirst(count) }
                return Array(elements.prefix(count))
            }
            if let batch { return batch }
            if isClosed { return [] }
            await wait()
        }
    }

    /// Ends all waiting. What is still queued can be taken; when `discarding` it is dropped, and so is what is put in
    /// from now on.
    func close(discarding: Bool = false) {
        let waiters = state.withLock { state in
            state.isClosed = true
            if discarding {
                state.isDiscarding = true
                state.elements.removeAll()
            }
            defer { state.waiters.removeAll() }
            return Array(state.waiters)
        }
        for waiter in waiters { waiter.resume() }
    }

    private func take<Result>(_ body: (inout Deque<Element>) -> Result?) -> (Result?, isClosed: Bool)
    where Result: Sendable {
        state.withLock { state in (body(&state.elements), state.isClosed) }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let mustResume = state.withLock { state in
                if !state.elements.isEmpty || state.isClosed { return true }
                state.waiters.append(continuation)
                return false
            }
            if mustResume { continuation.resume() }
        }
    }
}

extension Deque {
    /// Takes out the last ones of what `isWanted` says, at most so many, in order.
    mutating func takeLast(_ count: Int, where isWanted: (Element) -> Bool) -> [Element] {
        var taken: [Element] = []
        for index in indices.reversed() where taken.count < count && isWanted(self[index]) {
            taken.append(remove(at: index))
        }
        return taken.reversed()
    }

    /// Takes out what `isWanted` says, in order. Asks once for each, because another thread may change the answer.
    mutating func take(where isWanted: (Element) -> Bool) -> [Element] {
        var taken: [Element] = []
        removeAll { element in
            guard isWanted(element) else { return false }
            taken.append(element)
            return true
        }
        return taken
    }
}
