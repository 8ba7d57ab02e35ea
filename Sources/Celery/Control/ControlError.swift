internal import CeleryProtocol

/// Why a command of remote control was not obeyed. Its reply is `{"error": "TYPE('MESSAGE')"}`, as Python's workers print an
/// exception.
public struct ControlError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name of Python's exception, such as `ValueError`.
    public let type: String
    /// What is wrong, in one line.
    public let message: String

    /// Makes an error.
    public init(_ type: String = "ValueError", _ message: String) {
        self.type = type
        self.message = message
    }

    /// Arguments are missing.
    static func missing(_ names: [String], of command: String) -> ControlError {
        let list = names.map { "'\($0)'" }.joined(separator: " and ")
        return ControlError(
            "TypeError",
            "\(command)() missing \(names.count) required positional argument\(names.count == 1 ? "" : "s"): \(list)")
    }

    /// As Python prints it.
    public var description: String { "\(type)(\(PythonRepr.repr(of: .string(message))))" }
}
