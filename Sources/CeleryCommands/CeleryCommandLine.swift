/// A command line as `celery` has it, made into one for the parser here.
struct CeleryCommandLine {
    /// Options that `celery` takes before the subcommand, beside those of ``PythonOption``.
    private static let valued: Set = ["-b", "--broker", "--result-backend", "--config"]
    private static let flags: Set = ["-C", "--no-color", "-q", "--quiet"]

    /// What the parser gets.
    private(set) var arguments: [String]
    /// The name of the subcommand; `nil` when there is none.
    private(set) var subcommand: String?
    /// Options that are accepted and change nothing, as they are written.
    private(set) var unused: [String] = []
    /// Why one is refused.
    private(set) var refusal: String?

    /// - Parameters:
    ///   - arguments: all but the program's name.
    ///   - hasSubcommands: whether the program has any. Else it is a worker, and may be told so.
    init(_ arguments: [String], hasSubcommands: Bool) {
        self.arguments = arguments
        arrange(hasSubcommands: hasSubcommands)
        takeOut(!hasSubcommands || subcommand == "worker" ? PythonOption.all : PythonOption.everywhere)
    }

    /// Puts options that stand before the subcommand, as in `celery -A shop worker`, behind it.
    private mutating func arrange(hasSubcommands: Bool) {
        var end = 0
        while end < arguments.count, arguments[end].hasPrefix("-") {
            let (name, value) = Self.parts(arguments[end])
            let option = PythonOption.everywhere[name]
            guard option != nil || Self.valued.contains(name) || Self.flags.contains(name) else { return }
            let isValueApart = value == nil && option?.hasValue ?? Self.valued.contains(name)
            end += isValueApart ? 2 : 1
        }
        guard end < arguments.count, hasSubcommands || arguments[end] == "worker" else { return }
        let word = arguments.remove(at: end)
        guard hasSubcommands else { return }
        subcommand = word
        arguments.insert(word, at: 0)
    }

    /// Takes out options that the parser does not know.
    private mutating func takeOut(_ options: [String: PythonOption]) {
        var rest: [String] = []
        var position = 0
        while position < arguments.count {
            let argument = arguments[position]
            position += 1
            let (name, joined) = Self.parts(argument)
            guard let option = options[name] else {
                rest.append(argument)
                continue
            }
            var value = joined ?? ""
            if option.hasValue, joined == nil, position < arguments.count {
                value = arguments[position]
                position += 1
            }
            if refusal == nil { refusal = option.reason(value: value) }
            unused.append(value.isEmpty ? name : "\(name) \(value)")
        }
        arguments = rest
    }

    /// The name and the value of `--name=value` and `-nvalue`.
    private static func parts(_ argument: String) -> (name: String, value: String?) {
        if argument.hasPrefix("--") {
            guard let mark = argument.firstIndex(of: "=") else { return (argument, nil) }
            return (String(argument[..<mark]), String(argument[mark...].dropFirst()))
        }
        guard argument.hasPrefix("-"), argument.count > 2 else { return (argument, nil) }
        return (String(argument.prefix(2)), String(argument.dropFirst(2)))
    }
}
