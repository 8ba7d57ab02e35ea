internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// After the handlers: results are stored, retries sent, late messages acknowledged, in this order.
extension WorkerEngine {
    /// How long to wait before each further try to store results.
    private static let storeDelays: [Duration] = [
        .milliseconds(50), .milliseconds(200), .seconds(1), .seconds(2), .seconds(5), .seconds(10),
    ]

    func finish(_ batch: [Conclusion]) async {
        let batch = await sendSuccessors(batch)
        let isStored = await store(batch.flatMap(\.results))
        await withDiscardingTaskGroup { group in
            for conclusion in batch {
                guard let retry = conclusion.retry else {
                    settle(conclusion, isDone: isStored || conclusion.results.isEmpty)
                    continue
                }
                group.addTask {
                    let isSent = await self.publish(retry)
                    self.settle(conclusion, isDone: isSent)
                }
            }
        }
    }

    /// Sends what follows the tasks, before their results can be read. A task whose successors cannot be sent has
    /// failed, as in Celery.
    private func sendSuccessors(_ batch: [Conclusion]) async -> [Conclusion] {
        guard batch.contains(where: { !$0.successors.isEmpty }) else { return batch }
        return await withTaskGroup(of: (Int, Bool).self) { group in
            for (index, conclusion) in batch.enumerated() where !conclusion.successors.isEmpty {
                group.addTask {
                    for successor in conclusion.successors where await !self.publish(successor) {
                        return (index, false)
                    }
                    return (index, true)
                }
            }
            var batch = batch
            for await (index, areSent) in group where !areSent {
                for position in batch[index].results.indices
                where batch[index].results[position].result.state == .success {
                    let failure = TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent")
                    batch[index].results[position].result.state = .failure
                    batch[index].results[position].result.result = failure.json
                }
            }
            return batch
        }
    }

    /// A message whose result or retry got lost is not acknowledged: it is run again.
    private func settle(_ conclusion: Conclusion, isDone: Bool) {
        if let settlement = conclusion.settlement {
            conclusion.session.settle(conclusion.tag, isDone ? settlement : .requeue)
        }
        conclusion.session.conclude()
    }

    /// Stores states, trying again when the backend is out of reach; whether it did.
    func store(_ stored: [StoredResult]) async -> Bool {
        guard let results, !stored.isEmpty else { return true }
        var delays = Self.storeDelays.makeIterator()
        while true {
            do {
                try await results.store(stored)
                return true
            } catch {
                guard let transportError = error as? TransportError, transportError.isRetriable,
                    let delay = delays.next()
                else {
                    logger.error(
                        "results could not be stored",
                        metadata: [LoggingKeys.error: "\(error)", "count": "\(stored.count)"])
                    return false
                }
                logger.warning("storing results again", metadata: [LoggingKeys.error: "\(error)"])
                await Self.pause(delay)
            }
        }
    }

    private func publish(_ outgoing: (message: Message, destination: Destination)) async -> Bool {
        var delays = Self.storeDelays.makeIterator()
        while true {
            do {
                try await publisher.publish(outgoing.message, to: outgoing.destination)
                return true
            } catch {
                guard let delay = delays.next() else {
                    logger.error("a message could not be sent", metadata: [LoggingKeys.error: "\(error)"])
                    return false
                }
                await Self.pause(delay)
            }
        }
    }

    /// Waits, also while the worker is being cancelled: what is finished is to be stored all the same.
    private static func pause(_ delay: Duration) async {
        await Task.detached {
            do {
                try await Task.sleep(for: delay)
            } catch {
                preconditionFailure("a task that nobody cancels was cancelled")
            }
        }.value
    }

    /// The message of the next try: this one with one retry more and a new eta. What the worker does not know of it
    /// stays as it is.
    func retryMessage(
        of work: Work, _ payload: TaskPayload, after countdown: Duration
    ) throws(PythonValueError) -> (message: Message, destination: Destination) {
        var message = work.message
        let request = work.request
        if message.headers["task"] == nil {
            // Protocol 1 goes on as protocol 2, which every worker since Celery 4 reads.
            message.headers = try request.messageHeaders()
            message.body = payload.encoded()
        }
        let (retries, hasOverflown) = request.retries.addingReportingOverflow(1)
        message.headers["retries"] = .integer(hasOverflown ? .max : retries)
        let now = Date()
        message.headers["eta"] =
            countdown > .zero
            ? .string(try PythonDateTime(now.addingTimeInterval(countdown / .seconds(1))).isoFormat) : .null
        if request.parentID == nil { message.headers["parent_id"] = .string(request.id) }
        message.headers["redelivered"] = nil
        for (key, _) in message.headers
        where key == "x-death" || key.hasPrefix("x-first-death-") || key.hasPrefix("x-last-death-") {
            message.headers[key] = nil
        }
        message.properties.isRedelivered = false
        message.properties.deliveryTag = nil
        if let expires = request.expires {
            message.properties.expiration = TaskPublisher.expiration(expires, now: now)
            // A time that came as one of AMQP's own would go on as a table.
            if message.headers["expires"]?.objectValue != nil {
                message.headers["expires"] = .string(try PythonDateTime(expires).isoFormat)
            }
        }
        return (message, publisher.destination(forRetryOf: request, queue: work.queue))
    }
}
