import Foundation
import Synchronization

/// A TCP proxy on loopback, with which a test cuts a connection.
final class Proxy: Sendable {
    let port: Int
    private let listener: Int32
    private let descriptors = Mutex<[Int32]>([])

    init(to host: String, port targetPort: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 8) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [weak self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0, let server = try? Self.connect(host, targetPort) else {
                    close(listener)
                    return
                }
                self?.descriptors.withLock { $0 += [client, server] }
                Thread.detachNewThread { Self.pump(client, server) }
                Thread.detachNewThread { Self.pump(server, client) }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
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
