/// A name on a command line. What no broker can carry, or nobody can read, is refused; the parser names the option.
enum NameArgument {
    private struct Unusable: Error, CustomStringConvertible {
        let description: String
    }

    /// AMQP holds no longer ones.
    private static let mostBytes = 255

    /// A name as it is.
    @Sendable static func name(_ text: String) throws -> String {
        if let problem = problem(text) { throw Unusable(description: "it \(problem)") }
        return text
    }

    /// A name, or nothing: the default exchange has an empty one.
    @Sendable static func nameOrNothing(_ text: String) throws -> String { try text.isEmpty ? text : name(text) }

    /// What is wrong with a name; `nil` when nothing is.
    static func problem(_ name: String) -> String? {
        if name.isEmpty { return "must not be empty" }
        if name.utf8.count > mostBytes {
            return "must not be longer than \(mostBytes) bytes, and is \(name.utf8.count)"
        }
        // Those of Unicode as well: they move the cursor of a terminal.
        let isControl = name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return isControl ? "must hold no control characters" : nil
    }
}
