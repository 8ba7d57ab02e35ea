internal import CeleryProtocol

extension ControlCommand {
    /// `registered`: the names of the tasks that the worker can run, Celery's own only when asked for.
    static let registered = ControlCommand("registered", aliases: ["dump_tasks"]) { state, arguments in
        var items = arguments.strings("taskinfoitems").filter { !$0.hasPrefix("_") }
        // Of those that Python shows unless told otherwise, tasks have this one here.
        if items.isEmpty { items = ["rate_limit"] }
        let withBuiltIns = arguments.flag("builtins")
        let names = state.handlers.keys.filter { withBuiltIns || !$0.hasPrefix("celery.") }.sorted()
        return .array(
            names.map { name in
                let shown = state.handlers[name]?.attributes(in: state) ?? [:]
                let fields = items.compactMap { item in shown[item].map { "\(item)=\($0)" } }
                return .string(fields.isEmpty ? name : "\(name) [\(fields.joined(separator: " "))]")
            })
    }
}

extension TaskHandler {
    /// How the task is run, by the names of Celery's task attributes, as Python prints them.
    fileprivate func attributes(in state: WorkerState) -> [String: String] {
        func text(_ flag: Bool) -> String { flag ? "True" : "False" }
        func text(_ limit: Duration?) -> String? { limit.map { PythonRepr.repr(of: .seconds($0)) } }
        let worker = state.options
        let limits = state.slots.timeLimits.own(self)
        var attributes = [
            "name": name,
            "acks_late": text(options.acksLate ?? worker.acksLate),
            "acks_on_failure_or_timeout": text(options.acksOnFailure ?? worker.acksOnFailure),
            "ignore_result": text(options.ignoreResult ?? worker.ignoreResult),
            "track_started": text(options.trackStarted ?? worker.trackStarted),
        ]
        attributes["soft_time_limit"] = text(limits.soft ?? worker.softTimeLimit)
        attributes["time_limit"] = text(limits.hard ?? worker.timeLimit)
        attributes["rate_limit"] = state.slots.rateLimits.limit(name).map { "\($0)" }
        return attributes
    }
}
