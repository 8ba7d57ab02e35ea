/// A failure of a client or a worker that is neither a task's own nor a broker's.
public struct CeleryError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. More kinds may be added.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable {
            case timedOut, noResultBackend, undecodableResult, invalidArgument, duplicateTask, alreadyRun,
                invalidSetting, notSent
        }
        private let kind: Kind

        /// A result did not come in time. The task may still run.
        public static let timedOut = Code(kind: .timedOut)
        /// A result was asked for, and the client has no result backend.
        public static let noResultBackend = Code(kind: .noResultBackend)
        /// The task has succeeded, with a result that is not of the type expected; or what is stored as its result
        /// cannot be read.
        public static let undecodableResult = Code(kind: .undecodableResult)
        /// An argument or an option cannot be sent.
        public static let invalidArgument = Code(kind: .invalidArgument)
        /// A worker was given two handlers for one task.
        public static let duplicateTask = Code(kind: .duplicateTask)
        /// A worker was run for a second time.
        public static let alreadyRun = Code(kind: .alreadyRun)
        /// A setting has a value that makes no sense.
        public static let invalidSetting = Code(kind: .invalidSetting)
        /// Middleware has kept a task from being sent.
        public static let notSent = Code(kind: .notSent)
    }

    /// The kind of failure.
    public let code: Code
    /// One line that says what went wrong.
    public let message: String
    /// The error behind it, if any.
    public let underlyingError: (any Error)?

    package init(_ code: Code, _ message: String, underlyingError: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlyingError = underlyingError
    }

    /// The message.
    public var description: String { message }
}
