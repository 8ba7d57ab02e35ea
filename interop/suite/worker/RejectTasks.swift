import Celery

/// Tasks that refuse their messages.
enum RejectTasks {
    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        TaskHandler(
            TaskDefinition(Suite.name("reject_then_succeed"), returning: String.self),
            options: TaskOptions(acksLate: true)
        ) { context in
            guard context.request.delivery.isRedelivered else { throw Reject(requeue: true) }
            return "second-pass"
        }
        TaskHandler(TaskDefinition(Suite.name("reject_without_requeue"))) { _ in
            throw Reject(requeue: false, reason: "rejected")
        }
        TaskHandler(
            TaskDefinition(Suite.name("store_success_then_reject"), returning: String.self),
            options: TaskOptions(acksLate: true)
        ) { context in
            guard context.request.delivery.isRedelivered else {
                try await context.report(.success, "first-pass")
                throw Reject(requeue: true)
            }
            return "dedup-pass"
        }
    }
}
