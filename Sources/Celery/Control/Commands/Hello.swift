internal import CeleryProtocol

extension ControlCommand {
    /// `hello`: what a worker asks of all others when it starts (mingle). Each tells the other which tasks are not to run.
    static let hello = ControlCommand("hello") { state, arguments in
        guard try arguments.required("from_node") != state.name else { return .null }
        state.revoked.add(Mingle.ids(in: arguments["revoked"]))
        return [
            "revoked": .array(state.revoked.ids.map(JSONValue.string)), "clock": .integer(state.clock.forward()),
        ]
    }
}
