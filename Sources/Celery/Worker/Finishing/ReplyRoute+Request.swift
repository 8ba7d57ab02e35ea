internal import CeleryProtocol
internal import CeleryTransport

extension ReplyRoute {
    /// Where the sender of this task wants its replies.
    init(_ request: TaskRequest) {
        self.init(replyTo: request.replyTo, correlationID: request.correlationID ?? request.id)
    }
}
