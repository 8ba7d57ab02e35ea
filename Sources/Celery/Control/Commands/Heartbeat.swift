extension ControlCommand {
    /// `heartbeat`: asks for an event `worker-heartbeat` at once. Monitors ask for it when they start.
    static let heartbeat = ControlCommand("heartbeat") { state, arguments in
        try arguments.refuseAll()
        var fields = SoftwareInfo.fields
        fields["freq"] = 5
        await state.events.send("worker-heartbeat", fields)
        return .null
    }
}
