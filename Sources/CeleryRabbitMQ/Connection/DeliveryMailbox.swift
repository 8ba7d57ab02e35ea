internal import CeleryIO
internal import CeleryTransport
internal import DequeModule

/// Deliveries on their way from the connection's thread to whoever receives them.
final class DeliveryMailbox: Sendable {
    private typealias Deliver = @Sendable ([Delivery]) -> Void
    private typealias Continuation = CheckedContinuation<Void, any Error>

    /// The one call that may wait. It is entered before it can be cancelled, so that neither order of the two is missed.
    private enum Waiter {
        case none
        case entered(UInt64)
        case cancelled(UInt64)
        case waiting(UInt64, limit: Int, Deliver, Continuation)
    }

    private struct State {
        var deliveries: Deque<Delivery> = []
        var waiter = Waiter.none
        var lastWaiter: UInt64 = 0
        var ending: TransportError?
        var isFull = false
        var whenRoom: (@Sendable () -> Void)?
    }

    private let state = Locked(State())

    /// Whether fewer than `limit` deliveries lie here. If not, `whenRoom`'s action is run at the next receive.
    func hasRoom(below limit: Int) -> Bool {
        state.withLock { state in
            state.isFull = state.deliveries.count >= limit
            return !state.isFull
        }
    }

    /// Sets what to do when a mailbox that had no room is received from.
    func whenRoom(_ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.whenRoom = action }
    }

    /// Waits until something is there, and gives at most `limit` deliveries to `deliver`; on the connection's thread if
    /// they come later. Cancelling takes nothing out.
    func receive(upTo limit: Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void) async throws {
        precondition(limit > 0, "a receive must be for at least one message")
        try Task.checkCancellation()
        enum Step {
            case done([Delivery], whenRoom: (@Sendable () -> Void)?)
            case wait(UInt64)
            case fail(TransportError)
        }
        let step = state.withLock { state -> Step in
            guard case .none = state.waiter else {
                return .fail(TransportError(.unsupported, "only one call may receive from a consumer at a time"))
            }
            if !state.deliveries.isEmpty {
                return .done(state.deliveries.take(upTo: limit), whenRoom: state.isFull ? state.whenRoom : nil)
            }
            if let ending = state.ending { return .fail(ending) }
            state.lastWaiter += 1
            state.waiter = .entered(state.lastWaiter)
            return .wait(state.lastWaiter)
        }
        switch step {
        case .done(let deliveries, let whenRoom):
            whenRoom?()
            deliver(deliveries)
        case .fail(let error): throw error
        case .wait(let id):
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { register($0, id: id, limit: limit, deliver) }
            } onCancel: {
                cancel(id)
            }
        }
    }

    private func register(_ continuation: Continuation, id: UInt64, limit: Int, _ deliver: @escaping Deliver) {
        let outcome = state.withLock { state -> Result<[Delivery], any Error>? in
            if case .cancelled(id) = state.waiter {
                state.waiter = .none
                return .failure(CancellationError())
            }
            if !state.deliveries.isEmpty {
                state.waiter = .none
                return .success(state.deliveries.take(upTo: limit))
            }
            if let ending = state.ending {
                state.waiter = .none
                return .failure(ending)
            }
            state.waiter = .waiting(id, limit: limit, deliver, continuation)
            return nil
        }
        if let outcome { continuation.resume(with: outcome.map(deliver)) }
    }

    private func cancel(_ id: UInt64) {
        let continuation = state.withLock { state -> Continuation? in
            switch state.waiter {
            case .entered(id):
                state.waiter = .cancelled(id)
                return nil
            case .waiting(id, _, _, let continuation):
                state.waiter = .none
                return continuation
            default:
                return nil
            }
        }
        continuation?.resume(throwing: CancellationError())
    }

    /// Adds deliveries and wakes who waits. `false` when the mailbox has ended: they are not taken.
    func put(_ deliveries: [Delivery]) -> Bool {
        guard !deliveries.isEmpty else { return true }
        var woken: (Deliver, Continuation, [Delivery])?
        let isTaken = state.withLock { state in
            guard state.ending == nil else { return false }
            state.deliveries.append(contentsOf: deliveries)
            if case .waiting(_, let limit, let deliver, let continuation) = state.waiter {
                state.waiter = .none
                woken = (deliver, continuation, state.deliveries.take(upTo: limit))
            }
            return true
        }
        if let (deliver, continuation, deliveries) = woken {
            deliver(deliveries)
            continuation.resume()
        }
        return isTaken
    }

    /// Fails who waits and every later call; returns what nobody has received.
    ///
    /// - Parameter keepsDeliveries: whether what is there can still be received, and nothing is returned.
    @discardableResult
    func end(_ error: TransportError, keepsDeliveries: Bool = false) -> [Delivery] {
        let (continuation, rest) = state.withLock { state -> (Continuation?, [Delivery]) in
            let rest = keepsDeliveries ? [] : state.deliveries.take(upTo: state.deliveries.count)
            // The first reason stays, except that a lost connection says more than having been stopped.
            if state.ending == nil || state.ending?.code == .closed { state.ending = error }
            guard case .waiting(_, _, _, let continuation) = state.waiter else { return (nil, rest) }
            state.waiter = .none
            return (continuation, rest)
        }
        continuation?.resume(throwing: error)
        return rest
    }
}

extension Deque<Delivery> {
    fileprivate mutating func take(upTo limit: Int) -> [Delivery] {
        let count = Swift.min(limit, self.count)
        defer { removeFirst(count) }
        return Array(prefix(count))
    }
}
