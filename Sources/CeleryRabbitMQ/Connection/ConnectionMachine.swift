internal import CeleryTransport
internal import Logging

/// What a connection does, as a value without I/O, clock or continuations: it takes what has come, what callers want
/// and the time, puts what is to be sent into its ``LinkState`` and returns what else is to be done.
protocol ConnectionMachine: ~Copyable, SendableMetatype {
    var link: LinkState { get set }

    /// These have come, in one read.
    mutating func receive(_ events: [ServerEvent], now: ContinuousClock.Instant) -> [ConnectionAction]

    /// The time is `now`, and the thread is about to sleep: what is due is done.
    mutating func advance(to now: ContinuousClock.Instant) -> [ConnectionAction]

    /// The caller with this token does not wait any longer.
    mutating func cancel(_ token: UInt64)

    /// The connection is lost or closed. Only the first end counts.
    mutating func end(_ error: TransportError) -> [ConnectionAction]

    /// Why nothing new is taken in any more; `nil` as long as it is.
    var refusal: TransportError? { get }

    /// When ``advance(to:)`` has something to do, if nothing happens before.
    var deadline: ContinuousClock.Instant? { get }

    /// Whether nothing is under way, so that a caller does best to send by itself what it wants now.
    var isQuiet: Bool { get }

    /// Whether what comes is to be read now, or left to the server for the moment.
    var isReading: Bool { get }
}

/// What a machine wants done.
enum ConnectionAction: Sendable {
    /// A caller's wait is over: with success, or with an error.
    case complete(UInt64, TransportError?)
    /// Deliveries for whoever receives.
    case deliver([Delivery])
    /// The connection is over.
    case ended(TransportError)
    case log(Logger.Level, Logger.Message, Logger.Metadata)
}
