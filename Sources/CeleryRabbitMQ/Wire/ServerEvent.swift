internal import CeleryProtocol

/// What the server tells, one or several frames put together.
enum ServerEvent: Sendable, Equatable {
    /// The answer to a method that waits for one.
    case reply(MethodID, channel: UInt16)
    case delivery(IncomingDelivery)
    /// The server has taken over the publish with this number, or all up to it; or it has not (`isPositive` false).
    case confirmation(tag: UInt64, multiple: Bool, isPositive: Bool)
    /// A message published as mandatory that no queue takes.
    case returned(ReturnedMessage)
    /// The server has ended a consumer, because its queue is gone.
    case consumerCancelled(tag: String)
    case flow(isActive: Bool, channel: UInt16)
    case channelClosed(ServerFault, channel: UInt16)
    case connectionClosed(ServerFault)
    /// Publishing makes no sense at present, because the server is short of memory or disk.
    case blocked(reason: String)
    case unblocked
    case heartbeat
}

/// A message as it was delivered.
struct IncomingDelivery: Sendable, Equatable {
    let consumerTag: String
    let tag: UInt64
    let message: Result<Message, MessageError>
    let body: [UInt8]
}

/// A message as the server gave it back.
struct ReturnedMessage: Sendable, Equatable {
    let fault: ServerFault
    let exchange: String
    let routingKey: String
    /// `nil` when there is none, or when the properties cannot be read.
    let correlationID: String?
    let body: [UInt8]
}

/// The reason the server gives when it closes something or gives something back.
struct ServerFault: Error, Sendable, Equatable {
    /// AMQP's number, such as 404 or 406.
    let code: UInt16
    let text: String
    /// The method that was at fault; `nil` when the server names none that is known here.
    let method: MethodID?
}
