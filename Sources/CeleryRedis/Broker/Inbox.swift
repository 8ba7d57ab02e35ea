internal import CeleryIO
internal import CeleryTransport
internal import DequeModule

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What has come to a consumer that owes nobody an answer for it, and has not been read yet.
final class Inbox: Sendable {
    private struct State {
        var waiting: Deque<Delivery> = []
        var nextNumber: UInt64
        var failure: TransportError?
        var isStopped = false
        var isFetching = false
    }

    private let news = WakeSignal()
    private let state: Locked<State>

    /// - Parameter firstNumber: the number in the tag of the first message.
    init(firstNumber: UInt64 = 1) {
        state = Locked(State(nextNumber: firstNumber))
    }

    /// The number in the tag of the next message that comes.
    var nextNumber: UInt64 { state.withLock { $0.nextNumber } }

    /// Keeps what has come.
    ///
    /// - Parameters:
    ///   - makeDelivery: makes the delivery of a number.
    ///   - limit: how many are kept; the oldest goes when there are more.
    /// - Returns: whether one had to go.
    @discardableResult
    func add(keeping limit: Int = .max, _ makeDelivery: (UInt64) -> Delivery) -> Bool {
        state.withLock { state in
            state.waiting.append(makeDelivery(state.nextNumber))
            state.nextNumber += 1
            guard state.waiting.count > limit else { return false }
            state.waiting.removeFirst()
            return true
        }
    }

    /// Whoever receives is to look.
    func signal() { news.signal() }

    /// Nothing comes any more, for this reason.
    func fail(_ error: TransportError) {
        state.withLock { $0.failure = $0.failure ?? error }
        news.signal()
    }

    /// Nothing is read any more.
    func stop() {
        state.withLock { $0.isStopped = true }
        news.signal()
    }

    /// Delivers what comes, as ``Consumer/receive(room:_:)`` says.
    ///
    /// - Parameters:
    ///   - isWanted: whether a message is still to be delivered.
    ///   - fetch: called when there is room and nothing is here, unless it was called before and ``endFetch()`` was not.
    func receive(
        room: () -> Int, _ deliver: ([Delivery]) -> Void, where isWanted: (Delivery) -> Bool = { _ in true },
        fetch: () -> Void = {}
    ) async throws {
        while true {
            try Task.checkCancellation()
            // First: whatever is asked after it is not missed.
            news.clear()
            let limit = room()
            let (deliveries, failure, isStopped) = state.withLock { state in
                let count = state.isStopped ? 0 : max(0, min(limit, state.waiting.count))
                defer { state.waiting.removeFirst(count) }
                // What has come before the end is delivered.
                let failure = state.waiting.isEmpty ? state.failure : nil
                return (Array(state.waiting.prefix(count)), failure, state.isStopped)
            }
            if isStopped { throw CancellationError() }
            let wanted = deliveries.filter(isWanted)
            if !wanted.isEmpty {
                deliver(wanted)
            } else if deliveries.isEmpty {
                if let failure { throw failure }
                if limit > 0, beginsFetch() { fetch() }
                try await news.wait()
            }
        }
    }

    private func beginsFetch() -> Bool {
        state.withLock { state in
            defer { state.isFetching = true }
            return !state.isFetching
        }
    }

    /// What was to be fetched is here, if there was anything.
    func endFetch() {
        state.withLock { $0.isFetching = false }
        news.signal()
    }
}

/// A consumer of messages that nobody else has, and of which the broker is told nothing.
protocol InboxConsumer: Consumer {
    var inbox: Inbox { get }
}

extension InboxConsumer {
    func roomHasGrown() { inbox.signal() }

    func holds(_ tag: DeliveryTag) -> Bool { true }

    func flush() async {}

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }

    func adjustPrefetch(extra: Int) {}

    func stop() async { inbox.stop() }
}
