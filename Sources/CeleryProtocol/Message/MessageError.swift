/// Why a message cannot be run as a task.
public struct MessageError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of fault that Celery's workers tell apart.
    public enum Code: Sendable, Hashable {
        /// The envelope, the compressed body or the body's text is not what it says it is.
        case undecodable
        /// The content type is not one that this worker accepts (`accept_content`).
        case contentTypeRefused
        /// The message is no task message: it names no task.
        case notATask
        /// The message names a task, but a header or the body breaks the protocol.
        case invalidTask
    }

    /// The kind of fault.
    public let code: Code
    /// What is wrong, in one line.
    public let reason: String

    /// Makes an error from its kind and one line that says what is wrong.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// The reason.
    public var description: String { reason }
}
