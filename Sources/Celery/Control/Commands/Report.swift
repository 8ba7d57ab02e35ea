internal import CeleryProtocol

extension ControlCommand {
    /// `report`: what the worker is, for people who report a fault.
    static let report = ControlCommand("report") { state, arguments in
        try arguments.refuseAll()
        let handlers = state.handlers.keys.filter { !$0.hasPrefix("celery.") }.count
        return .ok(
            .string(
                """

                software -> celery:swift-celery \(celeryVersion)
                platform -> system:\(SoftwareInfo.system)
                settings -> transport:\(state.locations.broker) results:\(state.locations.backend ?? "disabled://")
                tasks    -> \(handlers) registered

                """))
    }
}
