internal import CeleryProtocol

extension ControlCommand {
    /// `terminate`: as `revoke` with `terminate`.
    static let terminate = ControlCommand("terminate") { state, arguments in
        try arguments.demand("signal", "task_id")
        return try await state.revoke(arguments, terminates: true)
    }
}

extension ControlArguments {
    /// By what number of a signal running tasks are ended, as Python reads it: a number, or a name in capitals. Here all
    /// signals do the same.
    ///
    /// - Throws: ``ControlError`` as Python does.
    func signal() throws(ControlError) -> Int {
        guard let value = self["signal"], value.isTruthy else { return Self.terminationSignal }
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

    /// SIGTERM.
    private static let terminationSignal = 15

    /// Linux's, as Python names them.
    private static let signals: [String: Int] = {
        let names = [
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
            "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
            "WINCH", "IO", "PWR", "SYS",
        ]
        return Dictionary(uniqueKeysWithValues: zip(names.map { "SIG\($0)" }, 1...))
    }()
}
