internal import CeleryProtocol

extension ControlCommand {
    /// `query_task`: where the tasks with these ids are in the worker; unknown ones are left out.
    static let queryTask = ControlCommand("query_task") { state, arguments in
        guard arguments["ids"] != nil else { throw ControlError.missing(["ids"], of: "query_task") }
        await state.intake.catchUp()
        let ids = Set(arguments.strings("ids"))
        var found: JSONObject = [:]
        for entry in state.slots.active.all where ids.contains(entry.task.request.id) {
            found[entry.task.request.id] = ["active", TaskDescription(entry, of: state).json]
        }
        for task in state.slots.reserved where ids.contains(task.request.id) && found[task.request.id] == nil {
            found[task.request.id] = ["reserved", TaskDescription(task.request, task.message, of: state).json]
        }
        for task in state.scheduled where ids.contains(task.request.id) && found[task.request.id] == nil {
            found[task.request.id] = ["scheduled", TaskDescription(task.request, task.message, of: state).json]
        }
        return .object(found)
    }
}
