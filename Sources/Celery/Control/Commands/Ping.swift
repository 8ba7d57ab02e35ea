extension ControlCommand {
    /// `ping`: whether the worker is there.
    static let ping = ControlCommand("ping") { _, _ in .ok("pong") }
}
