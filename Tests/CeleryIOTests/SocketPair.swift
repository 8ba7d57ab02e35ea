import CeleryIO

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Two connected sockets: one for the code under test, one for the test.
final class SocketPair {
    let socket: Socket
    /// The test's end; blocks, for at most ten seconds.
    let peer: Int32

    init() throws {
        let pair = try Self.makeDescriptors()
        socket = Socket(adopting: pair[0])
        peer = pair[1]
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(peer) }

    /// Two connected descriptors.
    static func makeDescriptors() throws -> [Int32] {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Socket.streamType, 0, &pair) == 0 else {
            throw IOError(.system, "socketpair", errno: errno)
        }
        return pair
    }

    func send(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { Self.write(peer, $0.baseAddress, $0.count) }
    }

    private static func write(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, bytes, count)
        #else
        Darwin.write(descriptor, bytes, count)
        #endif
    }

    /// Ends the test's side.
    func hangUp() {
        shutdown(peer, Int32(SHUT_RDWR))
    }

    /// What the code under test has sent, up to `count` bytes.
    func receive(_ count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        var length = 0
        while length < count {
            let got = buffer.withUnsafeMutableBytes {
                recv(peer, $0.baseAddress?.advanced(by: length), count - length, 0)
            }
            guard got > 0 else { break }
            length += got
        }
        return Array(buffer.prefix(length))
    }
}
