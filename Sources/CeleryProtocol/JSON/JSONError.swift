/// Why bytes are not JSON as Python reads it.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong, in a few words.
    public let message: String
    /// The offset of the offending byte, counted from 0.
    public let offset: Int

    /// Whether the document may be valid, and only holds more values than are allowed.
    package let isTooLarge: Bool

    /// An error at a byte.
    public init(_ message: String, offset: Int) {
        self.message = message
        self.offset = offset
        isTooLarge = false
    }

    /// The values up to a byte take more memory than they may.
    init(memoryLimit: Int, offset: Int) {
        message = "its values take more than the \(memoryLimit) bytes of memory that are allowed"
        self.offset = offset
        isTooLarge = true
    }

    /// The message and where.
    public var description: String { isTooLarge ? message : "invalid JSON: \(message) at byte \(offset)" }
}
