#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A consumer of queues, over a connection of its own.
///
/// Where messages are bound to a connection, as on RabbitMQ, the loss of the connection ends the consumer: receiving
/// fails, and unsettled messages are delivered again, to whichever consumer is next. Where they are not, as on Redis,
/// what is held outlives the connection, and the consumer makes new ones for as long as it takes.
public protocol Consumer: Sendable {
    /// Waits for messages and gives them to `deliver`, again and again, until the consumer ends.
    ///
    /// One call at a time. Cancelling loses no message. The calling task need not be woken for messages: each of the
    /// two closures is called on the thread that has just heard of messages or of room, and never both at once. A call
    /// that waits for room hears of the consumer's end as well.
    ///
    /// - Parameters:
    ///   - room: how many messages may come now, asked before each time. When there is none, it is asked again after
    ///     ``roomHasGrown()``.
    ///   - deliver: called with at least one and at most as many messages as there was room for when they were asked for.
    /// - Throws: `CancellationError`, also when the consumer was stopped, or ``TransportError`` when it is lost.
    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws

    /// There is room for messages, perhaps after there was none. May deliver at once, on the calling thread.
    func roomHasGrown()

    /// Whether the message is still this consumer's to settle, as far as is known: `false` once the broker gives it to
    /// others, because its connection is lost or because somebody else has restored it. Asking changes nothing.
    func holds(_ tag: DeliveryTag) -> Bool

    /// Whether the task of the message may start here. In doubt it may not, and the message goes back to the broker.
    func mayStart(_ tag: DeliveryTag) -> Bool

    /// Tells the broker what became of a delivery. Returns at once; the broker hears of it with the next write.
    func settle(_ tag: DeliveryTag, _ settlement: Settlement)

    /// Acknowledges a message before its task runs, unless the broker gives it to others: they run it then.
    ///
    /// - Returns: whether it was this consumer's. If not, the broker is told nothing, and the message may come again.
    func acknowledge(_ tag: DeliveryTag) -> Bool

    /// Waits until the broker has heard of everything settled so far, or until the connection is lost.
    func flush() async

    /// Puts a message aside until shortly before its `eta`, when the broker delivers it again to some worker.
    ///
    /// - Parameters:
    ///   - tag: the tag of the message.
    ///   - eta: when the message is due.
    ///   - isUrgent: whether the caller is short of memory, so that even a near eta is worth it.
    /// - Returns: whether it did; `false` means that this broker cannot, or that it is not worth it, and that the
    ///   caller keeps the message.
    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool

    /// Waits until what was in its queues before the call is delivered, as far as there is room for it. Where the broker sends
    /// messages by itself there is nothing to wait for.
    func catchUp() async

    /// Says how many more messages than the prefetch count may be held, because so many wait for their eta.
    func adjustPrefetch(extra: Int)

    /// Stops receiving. Messages that are held stay held.
    func stop() async

    /// Waits until the broker has heard of everything settled, gives unsettled messages back and closes.
    func close() async
}

extension Consumer {
    /// Whether it holds the message: where the broker itself tells of a loss there is no doubt.
    public func mayStart(_ tag: DeliveryTag) -> Bool { holds(tag) }

    /// Does nothing: the broker sends messages by itself.
    public func catchUp() async {}

    /// Asks whether the task may start, and settles the message.
    public func acknowledge(_ tag: DeliveryTag) -> Bool {
        guard mayStart(tag) else { return false }
        settle(tag, .acknowledge)
        return true
    }

    /// Waits until there are messages; at least one and at most `limit` of them.
    public func receive(upTo limit: Int) async throws -> [Delivery] {
        try await firstDeliveries(upTo: limit) { try await receive(room: $0, $1) }
    }
}
