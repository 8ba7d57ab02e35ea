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
        let stream = PlainStream(socket)
        let agreement = try logIn(over: stream, to: address, name: name, timeout: handshakeTimeout)
        return AMQPLink(stream: stream, agreement: agreement, name: "\(address)")
    }

    /// Runs the handshake, all of it within `timeout`. The library counts that for each of its steps: a connection that
    /// is not ready by then is cut.
    static func logIn(
        over stream: PlainStream, to address: RabbitMQAddress, name: String, timeout: Duration
    ) throws(TransportError) -> AMQPHandle.Agreement {
        let isOver = Locked(false)
        let deadline = Deadlines.shared.add(.now + timeout) {
            isOver.withLock { $0 = true }
            stream.shutDown()
        }
        defer { Deadlines.shared.remove(deadline) }
        do throws(TransportError) {
            let handle = try AMQPHandle(duplicating: stream.descriptor)
            return try handle.login(to: address, name: name, heartbeat: address.heartbeat, timeout: timeout)
        } catch {
            guard isOver.withLock({ $0 }) else { throw error }
            throw TransportError(.unreachable, "\(address) did not complete the handshake within \(timeout)")
        }
    }
}
