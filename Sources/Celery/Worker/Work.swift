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
