internal import CeleryProtocol
internal import CeleryTransport

/// The declaration of one queue with its exchange and its binding.
///
/// What the server refuses because it is there in another shape, or because the user may not declare it, is taken as it
/// is: then the rest is declared without it. Who consumes a queue, or sends to it, need not know what it was declared
/// with.
struct QueueDeclaration {
    private enum Step {
        case declare
        /// Asked for, whatever it was declared with: there may be none.
        case find
        case leave
    }

    let queue: Queue
    private var exchange: Step
    private var queueItself = Step.declare
    private var binding: Step
    /// What the server has refused.
    private var refusals: [ServerFault] = []

    init(_ queue: Queue) {
        self.queue = queue
        // Every queue is bound to the default exchange by itself, and nobody may declare that exchange.
        exchange = queue.exchange.isEmpty ? .leave : .declare
        binding = queue.isExchangeAlone ? .leave : exchange
        if queue.isExchangeAlone { queueItself = .leave }
    }

    /// How what is there differs, in the server's words; `nil` when all of it was declared.
    var difference: LogText? {
        refusals.isEmpty ? nil : LogText(refusals.map(\.text).joined(separator: "; "))
    }

    /// Writes what is left to declare; returns the replies to come.
    func write(to output: inout WireWriter, channel: UInt16) throws(TransportError) -> [MethodID] {
        var expected: [MethodID] = []
        if exchange == .declare {
            try output.declareExchange(of: queue, channel: channel)
            expected.append(.exchangeDeclareOK)
        }
        if queueItself != .leave {
            try output.declare(queue, isPassive: queueItself == .find, channel: channel)
            expected.append(.queueDeclareOK)
        }
        if binding == .declare {
            try output.bind(queue, channel: channel)
            expected.append(.queueBindOK)
        }
        return expected
    }

    /// The server has refused a part. From now on that part is taken as it is.
    ///
    /// - Returns: why the queue cannot be used; `nil` when the rest is to be declared.
    mutating func refused(_ fault: ServerFault) -> ServerFault? {
        switch (fault.method, fault.code) {
        // It is there otherwise, or the user may not declare it. Who needs one that is missing hears of it.
        case (.exchangeDeclare, 403), (.exchangeDeclare, 406): exchange = .leave
        // The same; the exchange may be missing as well.
        case (.queueBind, 403...406): binding = .leave
        // The arguments may also be such that the server knows no queue with them. Then there is none.
        case (.queueDeclare, 403), (.queueDeclare, 406):
            guard queueItself == .declare else { return fault }
            queueItself = .find
        // It belongs to another connection, and takes messages all the same.
        case (.queueDeclare, 405): queueItself = .leave
        case (.queueDeclare, 404) where queueItself == .find && !fault.isOfNodeThatIsAway:
            guard let first = refusals.last(where: { $0.method == .queueDeclare }) else { return fault }
            return ServerFault(code: first.code, text: "\(first.text); there is no such queue", method: first.method)
        default: return fault
        }
        refusals.append(fault)
        return nil
    }
}
