/// The names of the metrics, as ``MetricsMiddleware`` describes them.
enum MetricLabel {
    static let published = "celery.tasks.published"
    static let received = "celery.tasks.received"
    static let completed = "celery.tasks.completed"
    static let retried = "celery.tasks.retried"
    static let revoked = "celery.tasks.revoked"
    static let refused = "celery.tasks.refused"
    static let duration = "celery.task.duration"
    static let queuedDuration = "celery.task.queued.duration"
    static let active = "celery.worker.tasks.active"
    static let reconnects = "celery.broker.reconnects"
}
