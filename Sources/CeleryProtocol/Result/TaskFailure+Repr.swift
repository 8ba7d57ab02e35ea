extension TaskFailure {
    /// What Python's `repr` makes of the exception when it has been read from a result: of the class its own name only, and
    /// the words of those of Celery's exceptions that have some.
    package var repr: String {
        if module == "celery.exceptions" {
            switch type {
            case "NotRegistered":
                return "Task of kind \(keyText) never registered, please make sure it's imported."
            case "Reject":
                let requeue = arguments.count > 1 ? arguments[1] : .bool(false)
                return "reject requeue=\(PythonRepr.repr(of: requeue)): \(Self.text(arguments.first ?? .null))"
            default: break
            }
        }
        let name = type.split(separator: ".").last ?? ""
        return "\(LogText.name(String(name)))(\(arguments.map(PythonRepr.repr(of:)).joined(separator: ", ")))"
    }

    /// `str` of a `KeyError`.
    private var keyText: String {
        switch arguments.count {
        case 0: ""
        case 1: PythonRepr.repr(of: arguments[0])
        default: "(\(arguments.map(PythonRepr.repr(of:)).joined(separator: ", ")))"
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { PythonRepr.repr(of: value) }
    }
}
