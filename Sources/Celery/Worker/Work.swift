internal import CeleryProtocol
internal import CeleryTransport

/// A delivery on its way through the worker.
struct Work: Sendable {
    let tag: DeliveryTag
    let queue: String
    let message: Message
    let request: TaskRequest
    let handler: TaskHandler
    let session: ConsumerSession
    /// Whether it waits for its eta without being counted.
    var isAside = false
}

/// What is still to be done for a task when its handler has returned.
struct Conclusion: Sendable {
    let session: ConsumerSession
    let tag: DeliveryTag
    /// The messages to send first: callbacks, or the next step of a chain.
    var successors: [(message: Message, destination: Destination)] = []
    /// The states to store.
    var results: [StoredResult] = []
    /// The message of the next try.
    var retry: (message: Message, destination: Destination)?
    /// What the broker is told; `nil` when it was told before, or when the message is to come back.
    var settlement: Settlement?

    /// Whether there is nothing to wait for.
    var isEmpty: Bool { successors.isEmpty && results.isEmpty && retry == nil && settlement == nil }
}
