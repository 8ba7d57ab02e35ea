internal import CeleryTransport

/// A message that this worker holds: all that the broker is told of it is told here.
struct HeldMessage: Sendable {
    let session: ConsumerSession
    let tag: DeliveryTag
    /// Called when the broker was told what becomes of it, or never will be.
    var whenSettled: (@Sendable () -> Void)?

    /// Whether it is still this worker's: `false` once the broker gives it to others.
    var isHeld: Bool { session.consumer.holds(tag) }

    /// Whether its task may start here; in doubt it goes back.
    var mayStart: Bool { session.consumer.mayStart(tag) }

    /// Acknowledges it before its task runs. It still counts as being worked on. `false` when the broker gives it to
    /// others, so that its task must not run here.
    func acknowledgeEarly(_ task: ReceivedTask) -> Bool { session.acknowledgeEarly(tag, task) }

    /// Waits until the broker has heard of what it was told.
    func flush() async { await session.consumer.flush() }

    /// Nothing is left to do for it.
    ///
    /// - Parameter settlement: what the broker is told; `nil` when it was told before, or when the message is to come
    ///   back once the consumer is closed.
    func finish(_ settlement: Settlement?) {
        session.finish(tag, settlement)
        whenSettled?()
    }

    /// Tells the broker what becomes of it, though it counts as held until ``release(_:)``.
    func settle(_ settlement: Settlement?) {
        if let settlement { session.consumer.settle(tag, settlement) }
        whenSettled?()
    }

    /// Waits until the broker has heard what becomes of these messages; then they no longer count as held.
    static func release(_ messages: [HeldMessage]) async {
        for (_, messages) in Dictionary(grouping: messages, by: { ObjectIdentifier($0.session) }) {
            await messages[0].flush()
            messages[0].session.release(messages.count)
        }
    }

    /// It is somebody else's now: the broker is told nothing.
    func drop() {
        session.release(1)
        whenSettled?()
    }
}
