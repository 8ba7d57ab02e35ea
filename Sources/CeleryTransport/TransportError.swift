/// A failure of a broker or of a result backend.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. More kinds may be added.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable {
            case invalidConfiguration, unreachable, unavailable, refused, connectionLost, rejected, closed, unsupported
        }
        private let kind: Kind

        /// The address or an option makes no sense; trying again does not help.
        public static let invalidConfiguration = Code(kind: .invalidConfiguration)
        /// The server cannot be reached at the moment.
        public static let unreachable = Code(kind: .unreachable)
        /// The server can be reached and refuses everybody for a while: it is starting, out of memory, or the virtual
        /// host is not there yet.
        public static let unavailable = Code(kind: .unavailable)
        /// The server refuses this user, database or virtual host.
        public static let refused = Code(kind: .refused)
        /// The connection was lost; what was under way may or may not have happened.
        public static let connectionLost = Code(kind: .connectionLost)
        /// The server answered with an error, or did not take a message.
        public static let rejected = Code(kind: .rejected)
        /// The object was closed before.
        public static let closed = Code(kind: .closed)
        /// This transport or backend cannot do that.
        public static let unsupported = Code(kind: .unsupported)
    }

    /// The kind of failure.
    public let code: Code
    /// One line that says what went wrong, without credentials.
    public let message: String
    /// The error behind it, if any.
    public let underlyingError: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, underlyingError: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlyingError = underlyingError
    }

    /// Whether the same call may succeed later, on a new connection.
    public var isRetriable: Bool { isPassing(afterSuccess: false) }

    /// Which failures pass, the one place that says so.
    ///
    /// - Parameter afterSuccess: whether this server has let this user in before. A refusal then comes of somebody's
    ///   work on the server, as a rule, and does not last; at the first connection it is a wrong password.
    public func isPassing(afterSuccess: Bool) -> Bool {
        switch code {
        case .unreachable, .connectionLost, .unavailable: true
        case .refused: afterSuccess
        // The others concern one message or question, an address, or this process.
        default: false
        }
    }

    /// The message.
    public var description: String { message }
}
