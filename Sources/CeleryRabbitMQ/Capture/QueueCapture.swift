internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Copies of the messages of a queue, over a connection of their own.
struct QueueCapture {
    private static let page = 100
    /// A consumer may be given no more than so many at a time, if not without any limit.
    private static let largestPrefetch = Int(UInt16.max)

    let session: AMQPSession
    let logger: Logger
    /// So long is waited for the next message while the queue says that there are some.
    var timeout = Duration.seconds(5)

    /// Consumes without acknowledging; with the connection's end the server puts all back to where it was. That
    /// holds for a consumer alone: single messages that are got, or given back, come to the end of a quorum queue, or in
    /// another order. The consumer's priority is so low that it takes nothing that a worker waits for.
    func capture(_ queue: String, upTo limit: Int, _ receive: CapturingBroker.Receiver) throws {
        let (type, waiting) = try examine(queue)
        guard waiting > 0 else { return }
        let wanted = min(limit, waiting)
        let count = type == .classic ? wanted : waiting
        try consume(queue, count)
        let deliveries = try copy(wanted, amongst: count, of: queue, type, receive)
        guard deliveries > 0 else { return }
        logger.warning(
            "a quorum queue counts each capture as a delivery, and drops a message or dead-letters it at its limit",
            metadata: ["delivered before": "\(deliveries)"])
    }

    /// Has all delivered that a queue has now, in its order, and gives it to `body`, which may acknowledge it. What is not
    /// acknowledged is put back where it was.
    ///
    /// - Parameter body: gets a message, and whether the queue counts its deliveries in a header.
    func takeAll(of queue: String, _ body: (_ message: RawMessage, _ isCounted: Bool) throws -> Void) throws {
        let (type, waiting) = try examine(queue)
        guard waiting > 0 else { return }
        try consume(queue, waiting)
        var delivered = 0
        let outcome = Result {
            while delivered < waiting, let message = try message(of: queue) {
                delivered += 1
                try body(message, type == .quorum)
            }
        }
        if type != .classic, case .failure = outcome { try takeRest(waiting - delivered) }
        try outcome.get()
    }

    /// Of what type a queue is whose messages can be taken and given back, and how many messages it has.
    private func examine(_ queue: String) throws -> (type: QueueType, waiting: Int) {
        let waiting = try session.waiting(in: queue)
        let type = try session.type(of: queue)
        // A stream says that it has none.
        try check(queue, type, waiting)
        return (type, waiting)
    }

    private func consume(_ queue: String, _ count: Int) throws {
        try session.limit(to: UInt16(exactly: count) ?? 0)
        try session.consume(queue, flags: 0, arguments: ["x-priority": -100])
    }

    private func check(_ queue: String, _ type: QueueType, _ waiting: Int) throws(TransportError) {
        let reason: String
        switch type {
        case .classic: return
        case .autoDelete:
            reason = "the queue \(LogText.name(queue)) is deleted with its last consumer, and a capture is one"
        case .stream: reason = "the queue \(LogText.name(queue)) is a stream, which is not supported"
        case .quorum, .unknown:
            // Without a limit a quorum queue delivers some of so many only, and these would come back in front.
            guard waiting > Self.largestPrefetch else { return }
            let name = "the \(type == .quorum ? "quorum " : "")queue \(LogText.name(queue))"
            reason = """
                \(name) has more than \(Self.largestPrefetch) messages, which cannot be captured without a change of their \
                order
                """
        }
        throw TransportError(.unsupported, reason)
    }

    /// Copies so many messages, or as many as there are.
    ///
    /// - Parameters:
    ///   - count: how many are delivered.
    ///   - type: the queue's, which may count deliveries.
    /// - Returns: how often one of them was delivered before, where it is counted.
    private func copy(
        _ wanted: Int, amongst count: Int, of queue: String, _ type: QueueType, _ receive: CapturingBroker.Receiver
    ) throws -> Int {
        let isCounted = type == .quorum
        var delivered = 0
        var page: [JSONObject] = []
        var deliveries = 0
        let outcome = Result {
            for number in 1...count {
                guard let message = try message(of: queue) else {
                    return logger.warning("others have taken the other messages", metadata: ["copied": "\(number - 1)"])
                }
                delivered = number
                if type != .classic { deliveries = max(deliveries, message.deliveryCount) }
                if number <= wanted { page.append(message.fields(queue: queue, isCounted: isCounted)) }
                guard page.count == Self.page else { continue }
                defer { page = [] }
                _ = try receive(page)
            }
        }
        // Also when it was interrupted.
        let end = Result { if !page.isEmpty { _ = try receive(page) } }
        if type != .classic, delivered < count, case .failure = outcome {
            try takeRest(count - delivered)
        }
        try end.get()
        try outcome.get()
        return deliveries
    }

    /// Takes what a quorum queue has still to deliver, so that all of it is given back, in its order.
    private func takeRest(_ count: Int) throws {
        for number in 0..<count where try session.message(within: timeout, isCancellable: false) == nil {
            return logger.warning(
                "the order of the queue's messages has changed, because not all were delivered",
                metadata: ["missing": "\(count - number)"])
        }
    }

    /// The next message; `nil` when there is none any more.
    private func message(of queue: String) throws -> RawMessage? {
        let end = ContinuousClock.now + timeout
        while .now < end {
            if let message = try session.message(within: .milliseconds(200)) { return message }
            // What is on its way comes before the answer to a second question.
            if try session.waiting(in: queue) == 0 { return try session.message(within: .milliseconds(200)) }
        }
        throw TransportError(
            .rejected, "the queue \(LogText.name(queue)) delivers nothing; has it a single active consumer?")
    }

    /// Copies what an exchange gets for a queue, until no more is wanted.
    func follow(_ queue: Queue, _ receive: CapturingBroker.Receiver) throws {
        try session.tap(exchange: queue.exchange, key: queue.routingKey)
        logger.notice("following the queue's exchange until Ctrl-C or --count")
        while true {
            guard let first = try session.message(within: .milliseconds(100)) else { continue }
            var page = [first]
            while page.count < Self.page, let next = try session.message(within: .zero) { page.append(next) }
            guard try receive(page.map { $0.fields(queue: queue.name, isCounted: false) }) else { return }
        }
    }
}
