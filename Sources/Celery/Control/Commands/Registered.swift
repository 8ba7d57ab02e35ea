internal import CeleryProtocol

extension ControlCommand {
    /// `registered`: the names of the tasks that the worker can run, Celery's own only when asked for.
    static let registered = ControlCommand("registered", aliases: ["dump_tasks"]) { state, arguments in
        let items = arguments.strings("taskinfoitems").filter { !$0.hasPrefix("_") }
        let withBuiltIns = arguments.flag("builtins")
        let names = state.handlers.keys.filter { withBuiltIns || !$0.hasPrefix("celery.") }.sorted()
        return .array(
            names.map { name in
                let shown = state.handlers[name]?.attributes(with: state.options) ?? [:]
                let fields = items.compactMap { item in shown[item].map { "\(item)=\($0)" } }
                return .string(fields.isEmpty ? name : "\(name) [\(fields.joined(separator: " "))]")
            })
    }
}

extension TaskHandler {
    /// How the task is run, by the names of Celery's task attributes, as Python prints them.
    fileprivate func attributes(with worker: CeleryWorker.Options) -> [String: String] {
        func text(_ flag: Bool) -> String { flag ? "True" : "False" }
        return [
            "name": name,
            "acks_late": text(options.acksLate ?? worker.acksLate),
            "acks_on_failure_or_timeout": text(options.acksOnFailure ?? worker.acksOnFailure),
            "ignore_result": text(options.ignoreResult ?? worker.ignoreResult),
            "track_started": text(options.trackStarted ?? worker.trackStarted),
        ]
    }
}
