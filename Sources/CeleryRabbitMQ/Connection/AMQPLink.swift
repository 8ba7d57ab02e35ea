internal import CeleryIO

/// A connection after its handshake.
struct AMQPLink: Sendable {
    let stream: any ByteStream
    let agreement: AMQPHandle.Agreement
    /// The server, for messages.
    let name: String
    /// How long an answer may take.
    var replyTimeout = Duration.seconds(30)
    var closing = ClosingLimits()
}
