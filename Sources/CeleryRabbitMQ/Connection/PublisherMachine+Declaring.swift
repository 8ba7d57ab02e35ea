internal import CeleryIO
internal import CeleryTransport
internal import DequeModule
internal import Logging

// Queues, and what the server says of its own accord.
extension PublisherMachine {
    /// Has the queue declared before the message is sent.
    mutating func declare(
        _ queue: Queue, for publish: PendingPublish, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        queues.add(queue, for: publish) && declarations.add(queue) ? declareNext(now: now) : []
    }

    private mutating func declareNext(now: ContinuousClock.Instant) -> [ConnectionAction] {
        do throws(TransportError) {
            try declarations.writeNext(&link, now: now)
            return []
        } catch {
            return declarationAnswered(error, now: now)
        }
    }

    /// The queue is there, or it cannot be used; the next one's turn.
    mutating func declarationAnswered(_ error: TransportError?, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard let declaration = declarations.takeAnswered() else { return [] }
        var actions = error == nil ? declarations.note(declaration) : []
        let queue = declaration.queue
        for publish in queues.takeAnswered(queue, isDeclared: error == nil) where !publish.hasEnded {
            if let error { actions += finish(publish, error) } else { actions += send(publish, now: now) }
        }
        return actions + declareNext(now: now)
    }

    /// Once for each reason and routing key, and then in growing intervals with how many there were: without a queue each
    /// message comes back.
    private mutating func logReturned(_ returned: ReturnedMessage, now: ContinuousClock.Instant) -> [ConnectionAction] {
        let (reason, key) = (returned.fault.text, returned.routingKey)
        guard let count = returns.failed(because: "\(reason) \(key)", at: now) else { return [] }
        return [
            .log(
                .warning, "RabbitMQ gave messages back",
                ["count": "\(count)", "reason": "\(reason)", "routing_key": "\(key)"])
        ]
    }

    mutating func handle(
        _ event: ServerEvent, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        switch event {
        case .confirmation(let tag, let multiple, let isPositive):
            return confirm(tag, multiple: multiple, isPositive: isPositive, now: now)
        case .blocked(let reason):
            return [.log(.warning, "RabbitMQ takes no messages at present", ["reason": "\(reason)"])]
        case .unblocked:
            return [.log(.info, "RabbitMQ takes messages again", [:])]
        case .channelClosed(let fault, QueueDeclarations.channel):
            if let fault = declarations.channelClosed(fault, &link) {
                return declarationAnswered(TransportError(fault), now: now)
            }
            return declareNext(now: now)
        case .channelClosed(let fault, let channel):
            link.output.method(.channelCloseOK, channel: channel)
            _ = link.takeAskers(on: channel)
            return publishChannelClosed(fault, now: now)
        case .connectionClosed(let fault):
            return connectionClosed(fault)
        case .returned(let returned):
            // Its confirmation follows, and decides what to do.
            unconfirmed.first { $0.matches(returned) }?.isReturned = true
            return logReturned(returned, now: now)
        case .delivery, .consumerCancelled, .flow, .reply, .heartbeat: return []
        }
    }
}
