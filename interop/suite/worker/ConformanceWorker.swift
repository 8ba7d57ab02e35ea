import Celery
import CeleryCommands
import InteropRedis

/// A worker with the tasks of Celery's own integration suite, `t/integration/tasks.py`, for `interop/conformance`.
@main struct ConformanceWorker: CeleryWorkerCommand {
    private let redis: BlockingRedis

    init() throws { redis = try BlockingRedis() }

    var handlers: [TaskHandler] {
        PlainTasks.handlers
        RequestTasks.handlers
        RetryTasks.handlers
        RejectTasks.handlers
        SignatureTasks.handlers
        ChordTasks.handlers
        RedisTasks(redis: redis).handlers
        ReplacingTasks(redis: redis).handlers
    }
}
