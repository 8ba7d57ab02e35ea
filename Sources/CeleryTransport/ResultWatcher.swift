internal import CeleryIO
public import CeleryProtocol

/// One who waits for the states of a task: given to a ``ResultStore``, ended by whoever made it.
public final class ResultWatcher: Sendable {
    /// A state, or the error after which no more are to come.
    public typealias Update = Result<TaskResult, any Error>

    private struct State {
        var isEnded = false
        var onEnd: (@Sendable () -> Void)?
    }

    /// How long ago a task began to be sent, as far as that tells whether it has ended.
    public enum Age: Sendable {
        /// So shortly that it has hardly ended.
        case early
        /// So shortly that it may just end.
        case recent
        /// Long ago, or nobody knows.
        case other
    }

    /// No task has ended so soon after it began to be sent, as a rule.
    private static let shortestTrip = Duration.microseconds(300)
    /// A short task has ended by then, as a rule.
    private static let shortTrip = Duration.milliseconds(2)

    private let sent: ContinuousClock.Instant?
    private let handler: @Sendable (Update) -> Void
    private let state = Locked(State())

    /// Makes a watcher.
    ///
    /// - Parameters:
    ///   - sent: when sending the task began, if that is known.
    ///   - handler: gets the updates, from any thread, several at once too, and some states twice.
    public init(sent: ContinuousClock.Instant? = nil, _ handler: @escaping @Sendable (Update) -> Void) {
        self.sent = sent
        self.handler = handler
    }

    /// How long ago the task was sent. For stores.
    public var age: Age {
        sent.map { Self.age(after: .now - $0) } ?? .other
    }

    package static func age(after duration: Duration) -> Age {
        duration < shortestTrip ? .early : duration < shortTrip ? .recent : .other
    }

    /// Passes an update on.
    public func receive(_ update: Update) {
        if state.withLock({ !$0.isEnded }) { handler(update) }
    }

    /// Ends the wait.
    public func end() {
        let onEnd = state.withLock { state in
            defer { state = State(isEnded: true) }
            return state.onEnd
        }
        onEnd?()
    }

    /// Says what is to be done when the wait ends: at once if it has ended. For stores.
    public func onEnd(_ action: @escaping @Sendable () -> Void) {
        let isEnded = state.withLock { state in
            if !state.isEnded { state.onEnd = action }
            return state.isEnded
        }
        if isEnded { action() }
    }
}
