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
