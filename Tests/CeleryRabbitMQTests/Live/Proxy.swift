import CeleryIO
import Foundation
import TestSupport

/// A TCP proxy on loopback, with which a test cuts a connection.
final class Proxy: Sendable {
    let port: Int
    private let listener: LoopbackListener
    private let descriptors = Locked<[Int32]>([])

    init(to host: String, port targetPort: Int) throws {
        listener = try LoopbackListener()
        port = listener.port
        Thread.detachNewThread { [weak self, listener] in
            while let client = listener.accept(), let server = try? Self.connect(host, targetPort) {
                self?.descriptors.withLock { $0 += [client, server] }
                Thread.detachNewThread { Self.pump(client, server) }
                Thread.detachNewThread { Self.pump(server, client) }
            }
        }
    }

    deinit {
        listener.end()
        cut()
    }

    /// Ends all connections at once, in both directions.
    func cut() {
        for descriptor in descriptors.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private static func connect(_ host: String, _ port: Int) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let info = list?.pointee else {
            throw POSIXError(.EHOSTUNREACH)
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 else { throw POSIXError(.ECONNREFUSED) }
        return descriptor
    }

    private static func pump(_ from: Int32, _ to: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(from, &buffer, buffer.count)
            guard count > 0 else { break }
            var sent = 0
            while sent < count {
                let step = send(to, Array(buffer[sent..<count]), count - sent, Int32(MSG_NOSIGNAL))
                guard step > 0 else { break }
                sent += step
            }
        }
        shutdown(to, Int32(SHUT_RDWR))
    }
}
