/// What a ``ConnectionThread`` works for: something with a socket that is written before the thread sleeps and read
/// when it wakes. Both are called on the thread, and never with one of the thread's own locks held.
package protocol ConnectionDriver: AnyObject, Sendable {
    /// Called before the thread sleeps: write what is buffered, say what to wait for.
    func prepareToWait() -> PollRequest

    /// Called when the socket is ready or the deadline of the last ``PollRequest`` has passed.
    func respond(isReadable: Bool, isWritable: Bool)
}
