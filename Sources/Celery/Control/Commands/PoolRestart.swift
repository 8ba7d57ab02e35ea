internal import CeleryProtocol

extension ControlCommand {
    /// `pool_restart`: refused as by a Python worker without `worker_pool_restarts`. There is no pool of processes to restart,
    /// and no code to load anew.
    static let poolRestart = ControlCommand("pool_restart") { _, _ in
        throw ControlError("ValueError", "Pool restarts not enabled")
    }
}
