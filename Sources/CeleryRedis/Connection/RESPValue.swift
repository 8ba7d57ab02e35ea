internal import CeleryTransport

/// A reply of a Redis server.
enum RESPValue: Sendable, Equatable {
    case null
    case status(String)
    case integer(Int)
    case bulk([UInt8])
    case array([RESPValue])
    /// The server's refusal; its first word names the kind, such as `NOSCRIPT`.
    case error(String)

    /// The bytes of a string reply.
    var bytes: [UInt8]? {
        if case .bulk(let bytes) = self { bytes } else { nil }
    }

    /// A string reply as text.
    var text: String? {
        switch self {
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let text): text
        default: nil
        }
    }

    /// An integer reply.
    var integer: Int? {
        if case .integer(let number) = self { number } else { nil }
    }

    /// What the server says against it.
    var refusal: String? {
        if case .error(let message) = self { message } else { nil }
    }

    /// The elements of an array reply.
    var array: [RESPValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }
}

extension BidirectionalCollection<RESPValue> {
    /// The last of the replies; the server's first refusal is thrown.
    func value() throws(TransportError) -> RESPValue {
        for case .error(let message) in self { throw TransportError(refusal: message) }
        return last ?? .null
    }
}

extension TransportError {
    /// What Redis says against a command: `unavailable` when the same command may succeed later, `refused` when this user
    /// may not run it at all, or nobody can.
    ///
    /// - Parameter what: what it says it against.
    init(refusal message: String, of what: String = "Redis refuses") {
        let code: Code =
            RefusalKind(message).isPassing ? .unavailable : RefusalKind.isOfCommand(message) ? .refused : .rejected
        self.init(code, "\(what): \(message)")
    }
}
