internal import CeleryProtocol

/// A parameter of a task: its Python name and, when callers may leave it out, its default.
public struct Parameter<Value: Codable & Sendable>: Sendable {
    let name: String
    let defaultValue: Value?

    /// A parameter that every call must give.
    ///
    /// - Parameters:
    ///   - name: the name that Python callers use for it as a keyword.
    ///   - type: the type; see `JSONValueDecoder` for how values of other languages become Swift's.
    public init(_ name: String, as type: Value.Type) {
        self.name = name
        defaultValue = nil
    }

    /// A parameter that Python's calls may leave out, and calls by name: the handler then gets `value`. A call of the
    /// ``TaskDefinition`` in Swift gives every argument.
    public init(_ name: String, default value: Value) {
        self.name = name
        defaultValue = value
    }
}
