internal import CeleryProtocol
internal import CeleryTransport

/// A delivery on its way through the worker. It holds much and goes from hand to hand, so it is passed by reference.
final class Work: Sendable {
    let tag: DeliveryTag
    let queue: String
    let message: Message
    let request: TaskRequest
    let handler: TaskHandler
    let session: ConsumerSession

    init(
        tag: DeliveryTag, queue: String, message: Message, request: TaskRequest, handler: TaskHandler,
        session: ConsumerSession
    ) {
        self.tag = tag
        self.queue = queue
        self.message = message
        self.request = request
        self.handler = handler
        self.session = session
    }
}
