internal import Celery
internal import Tracing

/// The attributes that `opentelemetry-instrumentation-celery` sets, by its names; and `messaging.destination.name`, as
/// OpenTelemetry has called the destination since.
extension SpanAttributes {
    mutating func describe(_ task: OutgoingTask) {
        self["celery.action"] = "apply_async"
        self["celery.task_name"] = task.task
        self["messaging.message.id"] = task.id
        describe(destination: task.destination.routingKey)
        if !task.destination.exchange.isEmpty { self["celery.exchange"] = task.destination.exchange }
        switch task.destination.queue?.exchangeType {
        case .direct?: self["messaging.destination_kind"] = "queue"
        case .topic?: self["messaging.destination_kind"] = "topic"
        default: break
        }
    }

    mutating func describe(_ task: IncomingTask) {
        let request = task.context.request
        self["celery.action"] = "run"
        self["celery.task_name"] = request.task
        self["messaging.message.id"] = request.id
        if let id = request.correlationID { self["messaging.conversation_id"] = id }
        describe(destination: request.delivery.routingKey)
        if let sender = request.origin { self["celery.hostname"] = sender }
        if let replyTo = request.replyTo { self["celery.reply_to"] = replyTo }
        if request.retries > 0 { self["celery.retries"] = request.retries }
    }

    mutating func describe(_ outcome: TaskOutcome) {
        switch outcome {
        case .success: self["celery.state"] = "SUCCESS"
        case .failure: self["celery.state"] = "FAILURE"
        case .retry(_, let reason):
            self["celery.state"] = "RETRY"
            if let reason { self["celery.retry.reason"] = "\(reason)" }
        case .ignored: self["celery.state"] = "IGNORED"
        case .rejected: self["celery.state"] = "REJECTED"
        case .interrupted: break
        }
    }

    private mutating func describe(destination: String) {
        if destination.isEmpty { return }
        self["messaging.destination"] = destination
        self["messaging.destination.name"] = destination
    }
}
