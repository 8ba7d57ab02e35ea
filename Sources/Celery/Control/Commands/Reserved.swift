internal import CeleryProtocol

extension ControlCommand {
    /// `reserved`: the tasks that the worker holds and that wait for a slot.
    static let reserved = ControlCommand("reserved", aliases: ["dump_reserved"]) { state, _ in
        await state.intake.catchUp()
        return .array(state.slots.reserved.map { TaskDescription($0.request, $0.message, of: state).json })
    }
}
