internal import CeleryProtocol

extension ControlCommand {
    /// `revoke`: tasks are not to run, by id.
    static let revoke = ControlCommand("revoke") { state, arguments in
        guard arguments["task_id"] != nil else { throw ControlError.missing(["task_id"], of: "revoke") }
        let ids = arguments.strings("task_id")
        state.revoked.add(ids)
        state.logger.info("tasks flagged as revoked", metadata: ["ids": "\(LogText(ids.joined(separator: ", ")))"])
        let list = ids.map { PythonRepr.quoted($0) }.joined(separator: ", ")
        return .ok(.string("tasks {\(list)} flagged as revoked"))
    }
}
