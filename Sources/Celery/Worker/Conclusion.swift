internal import CeleryProtocol
internal import CeleryTransport

/// What is still to be done for a message, in this order.
struct Conclusion: Sendable {
    let session: ConsumerSession
    let tag: DeliveryTag
    /// The run that this concludes; `nil` when there was none.
    let run: TaskRun?
    /// The messages to send first: callbacks, and the next step of a chain.
    var successors: [Outgoing] = []
    /// The states to store.
    var results: [StoredResult] = []
    /// The messages to send when a failure can be read.
    var errbacks: [Outgoing] = []
    /// The message of the next try.
    var retry: Outgoing?
    /// What the broker is told; `nil` when it was told before, or when the message is to come back.
    var settlement: Settlement?

    /// What is to be done for a message that was not run.
    init(session: ConsumerSession, tag: DeliveryTag) {
        self.session = session
        self.tag = tag
        run = nil
    }

    /// What is to be done after a run.
    init(_ run: TaskRun) {
        session = run.work.session
        tag = run.work.tag
        self.run = run
    }

    /// Whether there are messages to send.
    var hasMessages: Bool { !successors.isEmpty || !errbacks.isEmpty || retry != nil }
}
