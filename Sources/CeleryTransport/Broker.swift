internal import CeleryIO
public import CeleryProtocol
public import Logging

/// A message broker: where tasks are published and consumed.
///
/// A broker is a value that says where and how to connect; connections are made by ``makeProducer(logger:)`` and
/// ``makeConsumer(_:logger:)``. Both transports of this package and the in-memory one conform; a further transport
/// conforms to this protocol, ``Producer`` and ``Consumer``.
public protocol Broker: Sendable {
    /// Where the broker is, for people: an address without its password.
    var location: String { get }

    /// Opens a connection for publishing.
    ///
    /// - Throws: ``TransportError`` when the broker cannot be reached or refuses.
    func makeProducer(logger: Logger) async throws -> any Producer

    /// Opens a connection for consuming, declares the queues and starts to receive.
    ///
    /// - Throws: ``TransportError`` when the broker cannot be reached or refuses.
    func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer
}

/// An open connection for publishing. When the connection breaks, every call fails until a new producer is made.
public protocol Producer: Sendable {
    /// Publishes a message and returns when the broker has taken responsibility for it.
    ///
    /// Many calls at once share the connection and its writes.
    ///
    /// - Throws: ``TransportError``; with the code `connectionLost` it is unknown whether the message arrived.
    func publish(_ message: Message, to destination: Destination) async throws

    /// Waits for what is under way and closes the connection. Further calls fail.
    func close() async
}

/// An open connection for consuming. When the connection breaks, receiving fails, and unsettled messages are delivered
/// again, to whichever consumer is next. Where messages are not bound to a connection, as on Redis, a new one
/// is made first, and only a loss that lasts is a failure.
public protocol Consumer: Sendable {
    /// Waits for messages and gives them to `deliver`, again and again, as long as there is room for more.
    ///
    /// One call at a time. Cancelling loses no message. The calling task need not be woken for messages: each of the
    /// two closures is called on the connection's thread, if that has just heard of them, and never both at once.
    ///
    /// - Parameters:
    ///   - room: how many messages may come now, asked before each time. When there is none the call returns.
    ///   - deliver: called with at least one and at most as many messages as there was room for.
    /// - Throws: `CancellationError`, or ``TransportError`` when the connection is lost. Without room nothing is thrown.
    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws

    /// Tells the broker what became of a delivery. Returns at once; the broker hears of it with the next write.
    func settle(_ tag: DeliveryTag, _ settlement: Settlement)

    /// Waits until the broker has heard of everything settled so far, or until the connection is lost.
    func flush() async

    /// Puts a message aside until shortly before `date`, when the broker delivers it again to some worker.
    ///
    /// - Parameters:
    ///   - date: the message's eta, in seconds since 1970.
    ///   - isUrgent: whether the caller is short of memory, so that even a near eta is worth it.
    /// - Returns: whether it did; `false` means that this broker cannot, or that it is not worth it, and that the
    ///   caller keeps the message.
    func park(_ tag: DeliveryTag, until date: Double, isUrgent: Bool) -> Bool

    /// Says how many more messages than the prefetch count may be held, because so many wait for their eta.
    func adjustPrefetch(extra: Int)

    /// Stops receiving. Messages that are held stay held.
    func stop() async

    /// Waits until the broker has heard of everything settled, gives unsettled messages back and closes.
    func close() async
}

extension Consumer {
    /// Waits until there are messages; at least one and at most `limit` of them.
    public func receive(upTo limit: Int) async throws -> [Delivery] {
        try await firstDeliveries(upTo: limit) { try await receive(room: $0, $1) }
    }
}

/// What a receiving call, which gets the two closures of ``Consumer/receive(room:_:)``, delivers first.
package func firstDeliveries(
    upTo limit: Int,
    of receive: (
        _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws -> Void
) async throws -> [Delivery] {
    let received = Locked<[Delivery]>([])
    try await receive {
        received.withLock { $0.isEmpty ? limit : 0 }
    } _: { deliveries in
        received.withLock { $0 = deliveries }
    }
    return received.withLock { $0 }
}
