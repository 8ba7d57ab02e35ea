/// What Python refuses with a `ValueError` or `TypeError` when it turns a value from the wire into one of its types.
public struct PythonValueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong, with the value.
    public let description: String

    /// An error with its message.
    public init(_ description: String) { self.description = description }
}
