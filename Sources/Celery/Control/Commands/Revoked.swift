internal import CeleryProtocol

extension ControlCommand {
    /// `revoked`: the ids of the tasks that are not to run.
    static let revoked = ControlCommand("revoked", aliases: ["dump_revoked"]) { state, _ in
        .array(state.revoked.ids.map(JSONValue.string))
    }
}
