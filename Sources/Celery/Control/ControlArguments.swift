public import CeleryProtocol

/// The arguments of a command of remote control, by name.
public struct ControlArguments: Sendable {
    /// The name of the command.
    public let command: String
    /// As they came.
    public let values: JSONObject

    init(_ command: String, _ values: JSONObject) {
        self.command = command
        self.values = values
    }

    /// An argument; `nil` for one that is absent or null.
    public subscript(_ name: String) -> JSONValue? {
        values[name].flatMap { $0.isNull ? Optional.none : $0 }
    }

    /// A text; `nil` for one that is absent or null.
    ///
    /// - Throws: ``ControlError`` for another kind of value.
    public func string(_ name: String) throws(ControlError) -> String? { try read(name, "a text", \.stringValue) }

    /// A whole number; `nil` for one that is absent or null. The command line of Celery before 4 sent texts.
    ///
    /// - Throws: ``ControlError`` for another kind of value.
    public func integer(_ name: String) throws(ControlError) -> Int? {
        try read(name, "a whole number") { $0.integerValue ?? $0.stringValue.flatMap { Int($0) } }
    }

    /// A truth value as Python sees it; `false` for one that is absent.
    public func flag(_ name: String) -> Bool { self[name]?.isTruthy ?? false }

    /// The texts of a list, or of one text alone; empty for one that is absent or null. What is no text counts as what
    /// Python's `str` makes of it.
    public func strings(_ name: String) -> [String] {
        switch self[name] {
        case nil: []
        case .array(let values)?: values.map(Self.text)
        case let value?: [Self.text(value)]
        }
    }

    /// A text that must be there.
    ///
    /// - Throws: ``ControlError``.
    public func required(_ name: String) throws(ControlError) -> String {
        if let value = try string(name) { return value }
        throw .missing([name], of: command)
    }

    /// Fails unless these are there; they may be null.
    ///
    /// - Throws: ``ControlError`` as Python does.
    func demand(_ names: String...) throws(ControlError) {
        let missing = names.filter { values[$0] == nil }
        guard missing.isEmpty else { throw .missing(missing, of: command) }
    }

    /// Fails for arguments that the command does not have, as Python does where a command takes just these.
    func refuseAll(but known: Set<String> = []) throws(ControlError) {
        guard let unknown = values.entries.first(where: { !known.contains($0.key) })?.key else { return }
        throw ControlError("TypeError", "\(command)() got an unexpected keyword argument '\(unknown)'")
    }

    func read<Value>(
        _ name: String, _ what: String, _ value: (JSONValue) -> Value?
    ) throws(ControlError) -> Value? {
        guard let argument = self[name] else { return nil }
        guard let value = value(argument) else {
            throw ControlError("TypeError", "\(command)(): \(name) must be \(what), not \(PythonRepr.quoted(argument))")
        }
        return value
    }

    private static func text(_ value: JSONValue) -> String { value.stringValue ?? PythonRepr.repr(of: value) }
}
