internal import CeleryProtocol
internal import CeleryTransport

/// Which messages the server may close the channel over, and with it lose all others that are under way: one to an
/// exchange that is not known to exist, and one that is larger than any that it has taken so far. Such a message is
/// sent with nothing else under way, so that it is known whose fault it is and nobody else's message is lost or sent
/// twice. It happens seldom: of so many messages with sizes at random, about as many as the number has digits are
/// larger than all before.
struct PublishRisk {
    private let suspects: SuspectMessages
    /// Exchanges to which the server has taken a message.
    private var exchanges: Set<String> = []
    /// The one that was used last, so that it is not looked up for every message.
    private var lastExchange: String?
    /// The largest body that the server has taken.
    private var largestTaken = 0
    /// What the server has said that it takes at most (`max_message_size`).
    private(set) var sizeLimit: Int?

    init(_ suspects: SuspectMessages) {
        self.suspects = suspects
    }

    /// Whether the message is to be sent alone.
    func isRisky(_ publish: PendingPublish) -> Bool {
        if sizeLimit == nil, publish.message.body.count > largestTaken { return true }
        if publish.destination.exchange != lastExchange, !exchanges.contains(publish.destination.exchange) {
            return true
        }
        if !suspects.isEmpty, let identity = MessageIdentity(publish.message), suspects.contains(identity) {
            return true
        }
        return false
    }

    /// Why the server would refuse this message, if that is known.
    func refusal(of message: Message) -> TransportError? {
        guard let sizeLimit, message.body.count > sizeLimit else { return nil }
        return TransportError(
            .rejected, "the message has \(message.body.count) bytes; RabbitMQ takes \(sizeLimit) (max_message_size)")
    }

    /// The server has taken it.
    mutating func taken(_ publish: PendingPublish) {
        largestTaken = max(largestTaken, publish.message.body.count)
        if !suspects.isEmpty { clear(publish) }
        guard publish.destination.exchange != lastExchange else { return }
        exchanges.insert(publish.destination.exchange)
        lastExchange = publish.destination.exchange
    }

    /// It may be this one's fault that the server has closed something.
    func suspect(_ publish: PendingPublish) {
        if let identity = MessageIdentity(publish.message) { suspects.insert(identity) }
    }

    /// It is known what became of this one.
    func clear(_ publish: PendingPublish) {
        if let identity = MessageIdentity(publish.message) { suspects.remove(identity) }
    }

    /// The server has closed the channel.
    mutating func learn(from fault: ServerFault) {
        if let size = fault.messageSizes { sizeLimit = size.limit }
        // Perhaps the exchange is gone, or this user may not use it any more.
        guard fault.code == 404 || fault.code == 403 else { return }
        exchanges = []
        lastExchange = nil
    }
}

extension ServerFault {
    /// The size that was refused and the one that is allowed, of a refusal such as "message size 12000 is larger than
    /// configured max size 10000".
    var messageSizes: (refused: Int, limit: Int)? {
        guard code == 406, text.contains("message size"), text.contains("max size") else { return nil }
        let numbers = text.split { !$0.isASCII || !$0.isNumber }.compactMap { Int($0) }
        guard numbers.count >= 2, numbers[0] > numbers[1] else { return nil }
        return (numbers[0], numbers[1])
    }

    /// Whether the server has closed the connection over what it was sent: it could not read a frame, or ran into a fault
    /// of its own over it.
    var isOverContent: Bool {
        switch code {
        case 501...506, 540, 541: true
        default: false
        }
    }

    /// Whether a refusal names the exchange that this publish goes to.
    func names(_ publish: PendingPublish) -> Bool {
        (code == 404 || code == 403) && text.contains("exchange '\(publish.destination.exchange)'")
    }

    /// Whether a refusal may be about this publish. One that names nothing may be about any.
    func isAbout(_ publish: PendingPublish) -> Bool {
        if let sizes = messageSizes { return publish.message.body.count == sizes.refused }
        if code == 404 || code == 403, text.contains("exchange '") { return names(publish) }
        return true
    }
}
