internal import CeleryProtocol

extension ControlCommand {
    /// `shutdown`: ends the worker as SIGTERM does. It never replies, as Celery's.
    static let shutdown = ControlCommand(silent: "shutdown") { state, arguments in
        let message = try arguments.string("msg") ?? "Got shutdown from remote"
        state.logger.warning("\(LogText(message))")
        state.shutDown()
    }
}
