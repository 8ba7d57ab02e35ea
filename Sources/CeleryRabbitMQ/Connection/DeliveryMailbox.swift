internal import CeleryIO
internal import CeleryTransport
internal import DequeModule

/// Deliveries on their way from the connection's thread to whoever receives them.
final class DeliveryMailbox: Sendable {
    /// A call that waits.
    private struct Receiver {
        let room: @Sendable () -> Int
        let deliver: @Sendable ([Delivery]) -> Void
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var deliveries: Deque<Delivery> = []
        /// Whether there is a call, waiting or not.
        var isReceiving = false
        /// Whether that call is cancelled.
        var isCancelled = false
        var receiver: Receiver?
        /// Whether that one waits for room, not for deliveries.
        var isReceiverFull = false
        /// Whether there is more room since a receiver found none.
        var hasRoomGrown = false
        var ending: TransportError?
        var isFull = false
        var whenRoom: (@Sendable () -> Void)?

        /// Lets the call wait, for deliveries or for room, unless there is something to see to; whether it waits.
        mutating func keep(_ receiver: Receiver, isFull: Bool) -> Bool {
            // Deliveries that are left at the end wait for room as any others.
            guard !isCancelled, ending == nil || isFull && !deliveries.isEmpty else { return false }
            if isFull, hasRoomGrown {
                hasRoomGrown = false
                return false
            }
            guard isFull || deliveries.isEmpty else { return false }
            self.receiver = receiver
            isReceiverFull = isFull
            return true
        }

        mutating func takeReceiver() -> Receiver? {
            defer { receiver = nil }
            return receiver
        }

        /// What ends a receiving call, now or once it has received what is there.
        var end: (any Error)? {
            if isCancelled { return CancellationError() }
            return deliveries.isEmpty ? ending : nil
        }
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

    /// Waits for deliveries, and for `room`, and gives them to `deliver`, again and again; on the thread that brings
    /// deliveries or room. Cancelling takes nothing out.
    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        let isOnly = state.withLock { state in
            if state.isReceiving { return false }
            (state.isReceiving, state.isCancelled) = (true, false)
            return true
        }
        guard isOnly else {
            throw TransportError(.unsupported, "only one call may receive from a consumer at a time")
        }
        defer { state.withLock { $0.isReceiving = false } }
        try await withTaskCancellationHandler {
            while true {
                let limit = room()
                let deliveries = try take(upTo: max(limit, 0))
                if deliveries.isEmpty { await wait(room, deliver, isFull: limit <= 0) } else { deliver(deliveries) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// What is there, if there is something; throws when nothing will be any more.
    private func take(upTo limit: Int) throws -> [Delivery] {
        let (deliveries, whenRoom) = try state.withLock { state in
            if let end = state.end { throw end }
            return (state.deliveries.take(upTo: limit), state.isFull && limit > 0 ? state.whenRoom : nil)
        }
        whenRoom?()
        return deliveries
    }

    private func wait(
        _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void, isFull: Bool
    ) async {
        await withCheckedContinuation { continuation in
            let receiver = Receiver(room: room, deliver: deliver, continuation: continuation)
            if !state.withLock({ $0.keep(receiver, isFull: isFull) }) { continuation.resume() }
        }
    }

    /// Gives a call that has waited for room what is there, on the calling thread.
    func roomHasGrown() {
        let receiver = state.withLock { state -> Receiver? in
            if state.receiver == nil { state.hasRoomGrown = true }
            return state.isReceiverFull ? state.takeReceiver() : nil
        }
        if let receiver { serve(receiver) }
    }

    private func cancel() {
        let receiver = state.withLock { state in
            state.isCancelled = true
            return state.takeReceiver()
        }
        receiver?.continuation.resume()
    }

    /// Adds deliveries and gives them to who waits. `false` when the mailbox has ended: they are not taken.
    ///
    /// One call at a time, so that the deliveries stay in order.
    func put(_ deliveries: [Delivery]) -> Bool {
        guard !deliveries.isEmpty else { return true }
        let (isTaken, receiver) = state.withLock { state -> (Bool, Receiver?) in
            guard state.ending == nil else { return (false, nil) }
            state.deliveries.append(contentsOf: deliveries)
            return (true, state.isReceiverFull ? nil : state.takeReceiver())
        }
        if let receiver { serve(receiver) }
        return isTaken
    }

    /// Gives who has waited what is there. It goes on waiting, and is woken only when there is something to see to.
    private func serve(_ receiver: Receiver) {
        while true {
            let limit = receiver.room()
            let (found, mustEnd) = state.withLock { state -> ([Delivery], Bool?) in
                if state.end != nil { return ([], true) }
                if state.keep(receiver, isFull: limit <= 0) { return ([], nil) }
                return (state.deliveries.take(upTo: max(limit, 0)), false)
            }
            guard let mustEnd else { return }
            if mustEnd { return receiver.continuation.resume() }
            if !found.isEmpty { receiver.deliver(found) }
        }
    }

    /// Fails who waits and every later call; returns what nobody has received.
    ///
    /// - Parameter keepsDeliveries: whether what is there can still be received, and nothing is returned.
    @discardableResult
    func end(_ error: TransportError, keepsDeliveries: Bool = false) -> [Delivery] {
        let (receiver, rest) = state.withLock { state in
            let rest = keepsDeliveries ? [] : state.deliveries.take(upTo: state.deliveries.count)
            // The first reason stays, except that a lost connection says more than having been stopped.
            if state.ending == nil || state.ending?.code == .closed { state.ending = error }
            return (state.takeReceiver(), rest)
        }
        receiver?.continuation.resume()
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
