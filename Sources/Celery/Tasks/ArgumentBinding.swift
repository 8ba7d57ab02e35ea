package import CeleryProtocol

/// The arguments of a call, put in the places of a task's parameters by Python's rules.
package struct ArgumentBinding: Sendable {
    /// A parameter as far as binding is concerned.
    package struct Parameter: Sendable, Hashable {
        let name: String
        let isOptional: Bool
    }

    private let function: String
    private let parameters: [Parameter]
    /// The values in the order of the parameters; `nil` for one that was not given.
    let values: [JSONValue?]

    /// Binds the arguments.
    ///
    /// - Throws: ``TaskFailure`` of type `TypeError`, in Python's words, when they do not fit.
    package init(
        task: String, parameters: [Parameter], args: [JSONValue], kwargs: JSONObject
    ) throws(TaskFailure) {
        function = task.split(separator: ".").last.map(String.init) ?? task
        self.parameters = parameters
        var values: [JSONValue?] = args.prefix(parameters.count).map { $0 }
        values += Array(repeating: nil, count: parameters.count - values.count)
        for (name, value) in kwargs {
            guard let position = parameters.firstIndex(where: { $0.name == name }) else {
                throw Self.typeError("\(function)() got an unexpected keyword argument '\(name)'")
            }
            guard values[position] == nil else {
                throw Self.typeError("\(function)() got multiple values for argument '\(name)'")
            }
            values[position] = value
        }
        self.values = values
        guard args.count <= parameters.count else { throw tooMany(args.count) }
        let missing = zip(parameters, values).filter { $0.1 == nil && !$0.0.isOptional }.map(\.0.name)
        guard missing.isEmpty else { throw Self.missing(missing, function) }
    }

    /// The value of the parameter at `position`, which moves on.
    func value<Value>(_ parameter: Celery.Parameter<Value>, at position: inout Int) throws -> Value {
        defer { position += 1 }
        guard let value = values[position] else {
            guard let defaultValue = parameter.defaultValue else {
                throw Self.missing([parameter.name], function)
            }
            return defaultValue
        }
        do {
            return try JSONValueDecoder().decode(Value.self, from: value)
        } catch {
            throw Self.typeError("\(function)() argument '\(parameter.name)': \(DecodingFailure(error))")
        }
    }

    private func tooMany(_ count: Int) -> TaskFailure {
        let required = parameters.count { !$0.isOptional }
        let takes = required == parameters.count ? "\(required)" : "from \(required) to \(parameters.count)"
        let noun = parameters.count == 1 && required == 1 ? "argument" : "arguments"
        let verb = count == 1 ? "was" : "were"
        return Self.typeError("\(function)() takes \(takes) positional \(noun) but \(count) \(verb) given")
    }

    private static func missing(_ names: [String], _ function: String) -> TaskFailure {
        let quoted = names.map { "'\($0)'" }
        let list =
            switch quoted.count {
            case 1: quoted[0]
            case 2: "\(quoted[0]) and \(quoted[1])"
            default: quoted.dropLast().joined(separator: ", ") + ", and " + (quoted.last ?? "")
            }
        let noun = names.count == 1 ? "argument" : "arguments"
        return typeError("\(function)() missing \(names.count) required positional \(noun): \(list)")
    }

    private static func typeError(_ message: String) -> TaskFailure {
        TaskFailure(type: "TypeError", message: message)
    }
}
