internal import CeleryProtocol

extension ControlCommand {
    /// `scheduled`: the tasks that the worker holds and that wait for their eta.
    static let scheduled = ControlCommand("scheduled", aliases: ["dump_schedule"]) { state, _ in
        await state.intake.catchUp()
        return .array(
            state.scheduled.map { task in
                [
                    "eta": .string(task.eta), "priority": 6,
                    "request": TaskDescription(task.request, task.message, of: state).json,
                ]
            })
    }
}
