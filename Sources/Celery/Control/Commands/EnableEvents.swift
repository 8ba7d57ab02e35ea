internal import CeleryProtocol

extension ControlCommand {
    /// `enable_events`: the worker sends events of its tasks from now on.
    static let enableEvents = ControlCommand("enable_events") { state, arguments in
        try arguments.refuseAll()
        return .ok(state.events.setOn(true) ? "task events enabled" : "task events already enabled")
    }

    /// `disable_events`: it sends none any more.
    static let disableEvents = ControlCommand("disable_events") { state, arguments in
        try arguments.refuseAll()
        return .ok(state.events.setOn(false) ? "task events disabled" : "task events already disabled")
    }
}
