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
    /// The name of the task, if the message could be read that far.
    public private(set) var task: String?
    /// The id of the task, if the message could be read that far: whoever waits for its result can be told.
    public private(set) var taskID: String?

    /// Makes an error from its kind and one line that says what is wrong.
    public init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// The same error of the message with this metadata.
    func about(_ fields: JSONObject) -> MessageError {
        var error = self
        if let task = fields["task"]?.text { error.task = error.task ?? task }
        if let id = fields["id"]?.text, !id.isEmpty { error.taskID = error.taskID ?? id }
        return error
    }

    /// The reason.
    public var description: String { reason }
}

extension MessageError {
    /// What stands under this name in a message or a signature makes no sense.
    package static func invalid(_ name: String, _ value: JSONValue) -> MessageError {
        MessageError(.invalidTask, "invalid \(name) value \(PythonRepr.quoted(value))")
    }
}
