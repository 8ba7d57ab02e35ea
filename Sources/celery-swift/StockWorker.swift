import Celery
import CeleryCommands

/// The stock worker, for trying it out from Python.
struct StockWorker: CeleryWorkerCommand {
    var handlers: [TaskHandler] {
        TaskHandler(
            TaskDefinition(
                "swift.add", Parameter("x", as: Number.self), Parameter("y", default: Number.integer(0)),
                returning: Number.self)
        ) { _, x, y in try x.adding(y) }
        TaskHandler(
            TaskDefinition(
                "swift.mul", Parameter("x", as: Number.self), Parameter("y", as: Number.self), returning: Number.self)
        ) { _, x, y in try x.multiplied(by: y) }
        TaskHandler(
            TaskDefinition("swift.tsum", Parameter("numbers", as: [Number].self), returning: Number.self)
        ) { _, numbers in try numbers.reduce(.integer(0)) { try $0.adding($1) } }
        TaskHandler(named: "swift.echo") { _, args, kwargs in
            ["args": .array(args), "kwargs": .object(kwargs)]
        }
        TaskHandler(
            TaskDefinition("swift.sleep", Parameter("seconds", as: Number.self), returning: Number.self)
        ) { _, seconds in
            try await Task.sleep(for: seconds.asPause())
            return seconds
        }
        TaskHandler(TaskDefinition("swift.fail", Parameter("message", as: String.self))) { _, message in
            throw TaskFailure(type: "ValueError", message: message)
        }
        TaskHandler(
            TaskDefinition("swift.flaky", Parameter("times", as: Int.self), returning: Int.self),
            retry: .manual(maxRetries: nil)
        ) { context, times in
            let (tries, isTooMany) = context.retries.addingReportingOverflow(1)
            guard !isTooMany else {
                throw TaskFailure(type: "OverflowError", message: "the number of tries does not fit 64 bits")
            }
            guard tries >= times else { throw Retry(after: .zero) }
            return tries
        }
        TaskHandler(named: "swift.info") { context, _, _ in
            [
                "id": .string(context.id), "retries": .integer(context.retries), "queue": .string(context.queue),
                "headers": .object(context.request.headers),
            ]
        }
    }
}
