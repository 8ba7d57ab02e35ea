internal import CeleryProtocol

extension ControlCommand {
    /// `autoscale`: refused as by a Python worker that was started without `--autoscale`.
    static let autoscale = ControlCommand("autoscale") { _, arguments in
        try arguments.refuseAll(but: ["max", "min"])
        throw ControlError("ValueError", "Autoscale not enabled")
    }
}
