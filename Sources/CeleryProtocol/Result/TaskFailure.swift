/// A task's exception as results carry it: data, whichever language raised it.
public struct TaskFailure: Error, Sendable, Hashable {
    /// The exception's class, such as `ValueError`; `exc_type`.
    public var type: String
    /// The class's module, such as `builtins`; `exc_module`. `nil` when the result names none.
    public var module: String?
    /// The exception's arguments, as a rule one text; `exc_message`.
    public var arguments: [JSONValue]
    /// The traceback as text; `nil` when there is none.
    public var traceback: String?

    /// Makes a failure; the module is Python's own by default.
    public init(type: String, module: String? = "builtins", arguments: [JSONValue], traceback: String? = nil) {
        self.type = type
        self.module = module
        self.arguments = arguments
        self.traceback = traceback
    }

    /// Makes a failure with one text for its argument.
    public init(type: String, module: String? = "builtins", message: String, traceback: String? = nil) {
        self.init(type: type, module: module, arguments: [.string(message)], traceback: traceback)
    }

    /// The first argument as text; all of them as Python prints them when it is no text.
    public var message: String {
        if arguments.count == 1, case .string(let text) = arguments[0] { return text }
        return arguments.map(PythonRepr.repr(of:)).joined(separator: ", ")
    }
}

extension TaskFailure: CustomStringConvertible {
    /// The exception as Python's `repr` prints it, in one line.
    public var description: String { summary(limit: .max) }

    /// The beginning of the description: at least `limit` bytes of it, if there are so many.
    func summary(limit: Int) -> String {
        var text = "\(LogText.name(type))("
        for (position, argument) in arguments.enumerated() {
            if position > 0 { text += ", " }
            var writer = ReprWriter(limit: limit)
            writer.write(argument)
            text += writer.text
            if text.utf8.count > limit { return text }
        }
        return text + ")"
    }
}

extension TaskFailure {
    /// The exception as a result holds it.
    package var json: JSONValue {
        [
            "exc_type": .string(type), "exc_message": .array(arguments),
            "exc_module": module.map(JSONValue.string) ?? .null,
        ]
    }

    /// Reads the exception of a result. Foreign workers have been seen to write a text or null: that is kept as text.
    package init(json value: JSONValue, traceback: String?) {
        guard case .object(let object) = value else {
            let text = value.isNull ? [] : [value]
            self.init(type: "Exception", module: "builtins", arguments: text, traceback: traceback)
            return
        }
        let arguments: [JSONValue] =
            switch object["exc_message"] {
            case nil, .null?: []
            case .array(let values)?: values
            case let value?: [value]
            }
        self.init(
            type: object["exc_type"]?.text ?? "Exception",
            module: object["exc_module"]?.text,
            arguments: arguments,
            traceback: traceback
        )
    }
}
