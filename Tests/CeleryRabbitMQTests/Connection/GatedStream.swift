import CeleryIO
import Foundation
import TestSupport

/// A stream whose writes wait while a test says so, on whichever thread they are made.
final class GatedStream: ByteStream {
    /// A write has begun to wait.
    let waiting = Notes<Void>()
    private let stream: any ByteStream
    private let isClosed = Locked(false)
    private let opened = DispatchSemaphore(value: 0)

    init(_ stream: any ByteStream) {
        self.stream = stream
    }

    /// The next write waits.
    func close() { isClosed.withLock { $0 = true } }

    /// The write that waits goes on.
    func open() {
        isClosed.withLock { $0 = false }
        opened.signal()
    }

    var descriptor: Int32 { stream.descriptor }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(IOError) -> Socket.Outcome {
        try stream.read(into: buffer)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws(IOError) -> Socket.Outcome {
        if isClosed.withLock({ $0 }) {
            waiting.add(())
            opened.wait()
        }
        return try stream.write(bytes)
    }
}
