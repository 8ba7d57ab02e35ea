internal import CeleryIO

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A TCP port on loopback on which somebody listens. Connections are taken by the system, and nothing is said on them
/// unless a test accepts them.
package final class LoopbackListener: Sendable {
    package struct Failure: Error {
        package let errno: Int32
    }

    package let descriptor: Int32
    package let port: Int

    package init() throws {
        let descriptor = socket(AF_INET, Socket.streamType, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isListening else {
            let failure = Failure(errno: errno)
            close(descriptor)
            throw failure
        }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// Waits for a connection, and for the next one; `nil` when ``end()`` was called.
    package func accept() -> Int32? {
        let connection = acceptOn(descriptor)
        return connection >= 0 ? connection : nil
    }

    /// Takes no connections any more.
    package func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

private func acceptOn(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
