/// The bytes of a connection in both directions, without blocking: a plain socket, or something on top of one.
///
/// Closed when nothing refers to it any more; whoever reads or writes outside of a lock holds on to it meanwhile.
package protocol ByteStream: AnyObject, Sendable {
    /// What `poll` waits for.
    var descriptor: Int32 { get }

    /// Reads what is there, at most the buffer's size.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOError) -> Socket.Outcome

    /// Writes as much as is taken at the moment.
    func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Socket.Outcome
}
