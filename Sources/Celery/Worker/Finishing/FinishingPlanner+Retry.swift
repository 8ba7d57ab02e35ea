internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension FinishingPlanner {
    /// The message of the next try: this one with one retry more and a new eta, and with what its sender left out but
    /// Celery's retries have. What the worker does not know of it stays as it is.
    func retryMessage(
        of finished: FinishedTask, after countdown: Duration, with changes: Retry.Changes = .init()
    ) throws(PythonValueError) -> (message: Message, destination: Destination) {
        let task = finished.task
        var payload = finished.payload ?? TaskPayload()
        var message = task.message
        var request = task.request
        if payload.change(changes, parameters: task.handler.parameters) {
            message.body = payload.encoded()
            message.headers["compression"] = nil
            (request.argsrepr, request.kwargsrepr) = (nil, nil)
        }
        if message.headers["task"] == nil {
            // Protocol 1 goes on as protocol 2, which every worker since Celery 4 reads.
            message.headers = try request.messageHeaders()
            message.body = payload.encoded()
        }
        message.headers["retries"] = .integer(request.retriesOfNextTry)
        let now = publisher.clock.now
        message.headers["eta"] =
            countdown > .zero
            ? .string(try PythonDateTime(now.addingTimeInterval(countdown.inSeconds)).isoFormat) : .null
        if request.parentID == nil { message.headers["parent_id"] = .string(request.id) }
        if request.rootID == nil { message.headers["root_id"] = .string(request.id) }
        if request.argsrepr == nil {
            message.headers["argsrepr"] = .string(PythonRepr.saferepr(arguments: payload.args))
        }
        if request.kwargsrepr == nil {
            message.headers["kwargsrepr"] = .string(PythonRepr.saferepr(.object(payload.kwargs)))
        }
        if request.ignoreResult == nil { message.headers["ignore_result"] = .bool(finished.rules.ignoresResult) }
        message.headers["redelivered"] = nil
        // The sender may have written thousands of them.
        message.headers.removeAll { key, _ in
            key == "x-death" || key.hasPrefix("x-first-death-") || key.hasPrefix("x-last-death-")
        }
        message.properties.isRedelivered = false
        message.properties.deliveryTag = nil
        message.properties.deliveryMode = 2
        if let expires = changes.expires {
            let date = expires.date(now: now)
            request.expires = date
            message.headers["expires"] = .string(try PythonDateTime(date).isoFormat)
        }
        if let expires = request.expires {
            message.properties.expiration = TaskPublisher.expiration(expires, now: now)
            // A time that came as one of AMQP's own would go on as a table.
            if message.headers["expires"]?.objectValue != nil {
                message.headers["expires"] = .string(try PythonDateTime(expires).isoFormat)
            }
        }
        return (message, publisher.destination(forRetryOf: request, queue: task.queue))
    }
}
