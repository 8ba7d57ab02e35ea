extension ControlCommand {
    /// Celery's own commands.
    static let all: [ControlCommand] = [
        ping, clock, report, configuration, registered, stats, active, reserved, scheduled, queryTask, activeQueues,
        revoked, hello, revoke, revokeByStampedHeaders, terminate, rateLimit, timeLimit, heartbeat, enableEvents,
        disableEvents, election, shutdown, addConsumer, cancelConsumer, poolGrow, poolShrink, poolRestart,
        autoscale,
    ]
}
