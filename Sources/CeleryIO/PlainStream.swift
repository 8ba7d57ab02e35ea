/// The bytes of a socket as they are.
package final class PlainStream: ByteStream {
    private let socket: Socket

    /// Takes the socket over.
    package init(_ socket: consuming Socket) {
        self.socket = socket
    }

    package var descriptor: Int32 { socket.descriptor }

    /// Ends the connection in both directions; whoever waits for it wakes.
    package func shutDown() {
        socket.shutDown()
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOError) -> Socket.Outcome {
        try socket.read(into: buffer)
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Socket.Outcome {
        try socket.write(bytes)
    }
}
