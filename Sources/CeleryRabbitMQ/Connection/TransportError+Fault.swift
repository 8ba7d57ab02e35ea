internal import CeleryTransport

extension TransportError {
    /// What a question or a publish fails with when the server closes the channel over it.
    init(_ fault: ServerFault) {
        // 403: the user may not do that. The others (404, 405, 406 …) are about what was asked.
        self.init(fault.code == 403 ? .refused : .rejected, "RabbitMQ refused: \(fault.text)")
    }
}
