/// The metadata keys of this library's log lines.
enum LoggingKeys {
    static let taskID = "celery.task.id"
    static let taskName = "celery.task.name"
    static let retries = "celery.task.retries"
    static let state = "celery.state"
    static let runtime = "celery.task.runtime"
    static let queue = "celery.queue"
    static let worker = "celery.worker"
    static let broker = "celery.broker"
    static let error = "error"
}
