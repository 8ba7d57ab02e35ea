internal import Celery
internal import Tracing

/// The attributes that `opentelemetry-instrumentation-celery` sets, by its names; and `messaging.destination.name`, as
/// OpenTelemetry has called the destination since.
extension SpanAttributes {
    /// More than there are: a table that grows is filled several times.
    private static let capacity = 12

    init(_ task: OutgoingTask) {
        var values = [String: SpanAttribute](minimumCapacity: Self.capacity)
        values["celery.action"] = .string("apply_async")
        values["celery.task_name"] = .string(task.task)
        values["messaging.message.id"] = .string(task.id)
        Self.describe(destination: task.destination.routingKey, in: &values)
        if !task.destination.exchange.isEmpty { values["celery.exchange"] = .string(task.destination.exchange) }
        switch task.destination.queue?.exchangeType {
        case .direct?: values["messaging.destination_kind"] = .string("queue")
        case .topic?: values["messaging.destination_kind"] = .string("topic")
        default: break
        }
        self.init(values)
    }

    init(_ task: IncomingTask, _ outcome: TaskOutcome) {
        let request = task.context.request
        var values = [String: SpanAttribute](minimumCapacity: Self.capacity)
        values["celery.action"] = .string("run")
        values["celery.task_name"] = .string(request.task)
        values["messaging.message.id"] = .string(request.id)
        if let id = request.correlationID { values["messaging.conversation_id"] = .string(id) }
        Self.describe(destination: request.delivery.routingKey, in: &values)
        if let sender = request.origin { values["celery.hostname"] = .string(sender) }
        if let replyTo = request.replyTo { values["celery.reply_to"] = .string(replyTo) }
        if request.retries > 0 { values["celery.retries"] = .int64(Int64(request.retries)) }
        if let state = outcome.state { values["celery.state"] = .string(state) }
        if case .retry(_, let reason?, _) = outcome { values["celery.retry.reason"] = .string("\(reason)") }
        self.init(values)
    }

    private static func describe(destination: String, in values: inout [String: SpanAttribute]) {
        if destination.isEmpty { return }
        values["messaging.destination"] = .string(destination)
        values["messaging.destination.name"] = .string(destination)
    }
}

extension TaskOutcome {
    /// Celery's name of the state; `nil` for none.
    fileprivate var state: String? {
        switch self {
        case .success: "SUCCESS"
        case .failure: "FAILURE"
        case .retry: "RETRY"
        case .ignored, .replaced: "IGNORED"
        case .rejected: "REJECTED"
        case .interrupted: nil
        }
    }
}
