internal import CeleryTransport

extension ServerFault {
    /// What a fault is about.
    enum Occasion: Sendable {
        /// The handshake.
        case login
        /// The declaration of what a consumer needs.
        case opening
        /// One message, or the queue that it goes to.
        case message
    }

    /// What the numbers of RabbitMQ's refusals mean, the one table that says so. Which codes pass, and when, says
    /// ``TransportError/isPassing(afterSuccess:)``.
    func code(_ occasion: Occasion) -> TransportError.Code {
        switch (code, occasion) {
        // The user may not do that.
        case (403, _): .refused
        // A virtual host that is not there, is down, has as many connections as it may have, or that this user has no
        // rights on, yet: who makes one first adds it and then gives rights. Celery's own workers wait for all of that.
        case (530, .login): .unavailable
        // A durable queue whose node is away, as in a rolling restart: it exists, and comes back with the node.
        case _ where isOfNodeThatIsAway: .unavailable
        // The server starts or stops, has run out of something, or into a fault of its own. When that is over one
        // message it is this one's fault: it must not be sent for ever.
        case (320, _), (506, .login), (506, .opening), (541, .login), (541, .opening): .unavailable
        // A queue that exists with other arguments, belongs to somebody else or is of another kind than thought; what the
        // server does not know how to do. Somebody has to change something, here or there.
        case (_, .login), (_, .opening): .refused
        case (_, .message): .rejected
        }
    }

    /// Whether it is about a queue that exists on a node which is down.
    var isOfNodeThatIsAway: Bool { code == 404 && text.contains("is down or inaccessible") }
}

extension TransportError {
    /// What a publish, or the declaration before it, fails with when the server closes the channel over it.
    init(_ fault: ServerFault) {
        self.init(fault.code(.message), "RabbitMQ refused: \(fault.text)", underlyingError: fault)
    }

    /// What making a consumer fails with.
    ///
    /// - Parameter queue: the queue that it is about, if it is about one.
    init(_ fault: ServerFault, openingOf queue: String?) {
        let what = queue.map { "the queue \($0) cannot be used as configured: " } ?? ""
        self.init(fault.code(.opening), "\(what)RabbitMQ refused: \(fault.text)", underlyingError: fault)
    }

    /// What connecting fails with.
    init(_ fault: ServerFault, loginTo address: RabbitMQAddress) {
        self.init(
            fault.code(.login), "\(address) refused the connection: \(fault.text)", underlyingError: fault)
    }
}
