internal import CeleryProtocol

extension ControlCommand {
    /// `terminate`: as `revoke` with `terminate`.
    static let terminate = ControlCommand("terminate") { state, arguments in
        let missing = ["signal", "task_id"].filter { arguments.values[$0] == nil }
        guard missing.isEmpty else { throw ControlError.missing(missing, of: "terminate") }
        return try await state.revoke(arguments, terminates: true)
    }
}

extension ControlArguments {
    /// By what number of a signal running tasks are ended, as Python reads it: a number, or a name in capitals. Here all
    /// signals do the same.
    ///
    /// - Throws: ``ControlError`` as Python does.
    func signal() throws(ControlError) -> Int {
        guard let value = self["signal"], value.isTruthy else { return Self.signals["SIGTERM", default: 15] }
        if let number = value.integerValue { return number }
        guard let name = value.stringValue, name == name.uppercased(), name != name.lowercased() else {
            throw ControlError("TypeError", "signal name must be uppercase string.")
        }
        let full = name.hasPrefix("SIG") ? name : "SIG\(name)"
        guard let number = Self.signals[full] else {
            throw ControlError("AttributeError", "module 'signal' has no attribute '\(full)'")
        }
        return number
    }

    /// Those that somebody ends tasks by.
    private static let signals = [
        "SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGABRT": 6, "SIGKILL": 9, "SIGUSR1": 10, "SIGUSR2": 12, "SIGALRM": 14,
        "SIGTERM": 15,
    ]
}
