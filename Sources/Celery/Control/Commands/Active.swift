internal import CeleryProtocol

extension ControlCommand {
    /// `active`: the tasks that run.
    static let active = ControlCommand("active", aliases: ["dump_active"]) { state, arguments in
        await state.intake.catchUp()
        let showsTexts = arguments.flag("safe")
        return .array(state.slots.active.all.map { TaskDescription($0, showsTexts: showsTexts, of: state).json })
    }
}
