internal import CeleryIO
internal import CeleryTransport

/// Makes connections to the first server of a list that can be reached. Blocks the calling thread.
enum AMQPConnector {
    private static let handshakeTimeout = Duration.seconds(10)

    /// - Parameter name: what the server's lists of connections show.
    static func connect(to addresses: [RabbitMQAddress], name: String) throws(TransportError) -> AMQPLink {
        do {
            return try FixedEndpoints(addresses).connectToFirst { try connect(to: $0, name: name) }
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.unreachable, "cannot reach the broker: \(error)", underlyingError: error)
        }
    }

    private static func connect(to address: RabbitMQAddress, name: String) throws(TransportError) -> AMQPLink {
        let socket: Socket
        do throws(IOError) {
            socket = try Endpoint.tcp(host: address.host, port: address.port)
                .connect(timeout: .seconds(address.connectTimeout))
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
        return AMQPLink(stream: PlainStream(socket), agreement: agreement, name: "\(address)")
    }
}
