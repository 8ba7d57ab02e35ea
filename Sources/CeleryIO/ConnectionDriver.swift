/// What a ``ConnectionThread`` works for: something with a socket that is written before the thread sleeps and read
/// when it wakes. Both are called on the thread, and never with one of the thread's own locks held.
package protocol ConnectionDriver: AnyObject, Sendable {
    /// Called before the thread sleeps: write what is buffered, say what to wait for.
    func prepareToWait() -> PollRequest

    /// Called when the socket is ready or the deadline of the last ``PollRequest`` has passed.
    func respond(isReadable: Bool, isWritable: Bool)
}

/// A driver that is an actor with the thread as its executor.
package protocol ConnectionActor: Actor, ConnectionDriver {
    /// As ``ConnectionDriver/prepareToWait()``, isolated.
    func willWait() -> PollRequest

    /// As ``ConnectionDriver/respond(isReadable:isWritable:)``, isolated.
    func didWake(isReadable: Bool, isWritable: Bool)
}

extension ConnectionActor {
    package nonisolated func prepareToWait() -> PollRequest {
        assumeIsolated { $0.willWait() }
    }

    package nonisolated func respond(isReadable: Bool, isWritable: Bool) {
        assumeIsolated { $0.didWake(isReadable: isReadable, isWritable: isWritable) }
    }
}

/// What a connection thread waits for.
package struct PollRequest: Sendable {
    /// The socket; ignored when neither reading nor writing is wanted.
    package var descriptor: Int32
    /// Whether to wake when there is something to read.
    package var wantsRead: Bool
    /// Whether to wake when there is room for writing.
    package var wantsWrite: Bool
    /// When to wake at the latest; `nil` to wait without limit.
    package var deadline: ContinuousClock.Instant?

    package init(descriptor: Int32, wantsRead: Bool, wantsWrite: Bool, deadline: ContinuousClock.Instant?) {
        self.descriptor = descriptor
        self.wantsRead = wantsRead
        self.wantsWrite = wantsWrite
        self.deadline = deadline
    }

    /// Wait for a new job only.
    package static let nothing = PollRequest(descriptor: -1, wantsRead: false, wantsWrite: false, deadline: nil)
}

/// Runs calls that block on a connection's thread, so that they do not block Swift's own threads.
package actor BlockingCalls {
    private nonisolated let thread: ConnectionThread
    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init(on thread: ConnectionThread) {
        self.thread = thread
    }

    package func run<Value: Sendable, Failure: Error>(
        _ body: @Sendable () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try body()
    }
}
