internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `time_limit`: how long tasks of a name may run that start from now on.
    static let timeLimit = ControlCommand("time_limit") { state, arguments in
        guard let name = arguments["task_name"]?.stringValue, state.handlers[name] != nil else {
            return .error("unknown task")
        }
        let (soft, hard) = (try arguments.seconds("soft"), try arguments.seconds("hard"))
        state.slots.timeLimits.set(name, soft: soft, hard: hard)
        state.logger.info(
            "new time limits",
            metadata: [
                "name": "\(LogText(name))", "soft": "\(soft.map { "\(ReadableDuration($0))" } ?? "none")",
                "hard": "\(hard.map { "\(ReadableDuration($0))" } ?? "none")",
            ])
        return .ok("time limits set successfully")
    }
}

extension ControlArguments {
    /// A number of seconds; `nil` for one that is absent or null.
    fileprivate func seconds(_ name: String) throws(ControlError) -> Duration? {
        try read(name, "a number of seconds") { value in
            value.doubleValue.flatMap(Duration.init(seconds:)).flatMap { $0 >= .zero ? $0 : nil }
        }
    }
}
