/// Why bytes are not JSON as Python reads it.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong, in a few words.
    public let message: String
    /// The offset of the offending byte, counted from 0.
    public let offset: Int

    /// An error at a byte.
    public init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
    }

    /// The message and where.
    public var description: String { "invalid JSON: \(message) at byte \(offset)" }
}
