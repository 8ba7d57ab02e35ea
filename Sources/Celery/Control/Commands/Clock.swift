extension ControlCommand {
    /// `clock`: the worker's logical clock.
    static let clock = ControlCommand("clock") { state, _ in ["clock": .integer(state.clock.current)] }
}
