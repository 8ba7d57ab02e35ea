internal import CeleryTransport

extension TransportError {
    /// What a question or a publish fails with when the server closes the channel over it.
    init(_ fault: ServerFault) {
        let code: Code =
            switch fault.code {
            // The user may not do that.
            case 403: .refused
            // A durable queue whose node is away, as in a rolling restart: it exists, and comes back with the node.
            case 404 where fault.text.contains("is down or inaccessible"): .unreachable
            // The server ran out of something, or into a fault of its own.
            case 506, 541: .unreachable
            // The others (404, 405, 406 …) are about what was asked.
            default: .rejected
            }
        self.init(code, "RabbitMQ refused: \(fault.text)")
    }
}
