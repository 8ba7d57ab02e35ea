extension ControlCommand {
    /// `heartbeat`: asks for an event `worker-heartbeat` at once.
    static let heartbeat = ControlCommand("heartbeat") { state, arguments in
        try arguments.refuseAll()
        return .null
    }
}
