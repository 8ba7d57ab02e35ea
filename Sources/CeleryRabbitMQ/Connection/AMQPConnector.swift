internal import CeleryIO
internal import CeleryTransport

/// Makes connections to the first server of a list that can be reached. Blocks the calling thread.
enum AMQPConnector {
    private static let handshakeTimeout = Duration.seconds(10)

    /// - Parameter name: what the server's lists of connections show.
    static func connect(to addresses: [RabbitMQAddress], name: String) throws(TransportError) -> AMQPLink {
        var lastError = TransportError(.invalidConfiguration, "there is no broker to connect to")
        for address in addresses {
            do throws(TransportError) {
                return try connect(to: address, name: name)
            } catch {
                lastError = error
            }
        }
        throw lastError
    }

    private static func connect(to address: RabbitMQAddress, name: String) throws(TransportError) -> AMQPLink {
        let socket: Socket
        do throws(IOError) {
            socket = try Socket.connect(
                host: address.host,
                port: address.port,
                timeout: .seconds(address.connectTimeout)
            )
        } catch {
            throw TransportError(.unreachable, "cannot reach \(address): \(error)", underlyingError: error)
        }
        let handle = try AMQPHandle(socket: socket)
        let agreement = try handle.login(
            to: address,
            name: name,
            heartbeat: address.heartbeat,
            timeout: handshakeTimeout
        )
        return AMQPLink(socket: socket, agreement: agreement, name: "\(address)")
    }
}
