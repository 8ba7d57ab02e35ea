/// Where a server listens.
package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A TCP port; the host is a name or an address.
    case tcp(host: String, port: Int)
    /// A Unix-domain socket.
    case unixSocket(path: String)

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path): path
        }
    }

    /// Connects. Blocks its thread, name resolution included, the connecting itself for at most `timeout`.
    package func connect(timeout: Duration) throws(IOError) -> Socket {
        switch self {
        case .tcp(let host, let port): try Socket.connect(host: host, port: port, timeout: timeout)
        case .unixSocket(let path): try Socket.connect(path: path, timeout: timeout)
        }
    }
}
