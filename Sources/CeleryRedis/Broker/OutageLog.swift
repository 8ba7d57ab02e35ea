internal import Logging

/// What is said of lost connections: a line at the loss, one for each new reason why there is none, and one when it is
/// back. When losses follow each other closely, a line a minute says how many there were.
struct OutageLog {
    private static let quietTime = Duration.seconds(60)
    /// Of one outage.
    private static let mostReasons = 8

    private let logger: Logger
    private let now: () -> ContinuousClock.Instant
    private var start: ContinuousClock.Instant?
    private var reasons: Set<String> = []
    private var lastLine: ContinuousClock.Instant?
    private var unsaid = 0
    private var isSaid = false

    init(logger: Logger, now: @escaping () -> ContinuousClock.Instant = { .now }) {
        self.logger = logger
        self.now = now
    }

    /// A connection is lost.
    mutating func lost(_ error: any Error) {
        let now = now()
        start = now
        reasons = ["\(error)"]
        if let last = lastLine, now < last + Self.quietTime {
            unsaid += 1
            isSaid = false
            return logger.debug("a connection to Redis is lost again", metadata: ["error": "\(error)"])
        }
        isSaid = true
        lastLine = now
        if unsaid > 0 {
            logger.warning(
                "connections to Redis are lost again and again",
                metadata: ["count": "\(unsaid + 1)", "error": "\(error)"])
        } else {
            logger.warning("a connection to Redis is lost, making a new one", metadata: ["error": "\(error)"])
        }
        unsaid = 0
    }

    /// No new connection can be made.
    mutating func failed(_ error: any Error) {
        guard reasons.count < Self.mostReasons, reasons.insert("\(error)").inserted else { return }
        isSaid = true
        lastLine = now()
        logger.warning("no connection to Redis, trying again", metadata: ["error": "\(error)"])
    }

    /// There is a connection again.
    mutating func ended() {
        guard let start else { return }
        self.start = nil
        let seconds = (start.duration(to: now()) / .seconds(0.1)).rounded() / 10
        logger.log(
            level: isSaid ? .info : .debug, "connected to Redis again", metadata: ["after": "\(seconds) s"])
    }
}
