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
