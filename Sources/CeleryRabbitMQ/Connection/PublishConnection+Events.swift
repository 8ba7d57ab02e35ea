internal import CeleryTransport
internal import Logging

// What the server says of its own accord.
extension PublishConnection {
    func handle(_ event: ServerEvent) throws(TransportError) {
        switch event {
        case .confirmation(let tag, let multiple, let isPositive):
            for publish in unconfirmed.resolve(tag, multiple: multiple) {
                if isPositive {
                    confirmed(publish)
                } else {
                    end(publish, .failure(TransportError(.rejected, "RabbitMQ did not take the message")))
                }
            }
        case .blocked(let reason):
            logger.warning("RabbitMQ takes no messages at present", metadata: ["reason": "\(reason)"])
        case .unblocked:
            logger.info("RabbitMQ takes messages again")
        case .channelClosed(let fault, Self.declareChannel):
            isDeclareChannelOpen = false
            link?.output.method(.channelCloseOK, channel: Self.declareChannel)
            link?.failReplies(TransportError(fault), channel: Self.declareChannel)
        case .channelClosed(let fault, let channel):
            link?.output.method(.channelCloseOK, channel: channel)
            publishChannelClosed(fault)
        case .connectionClosed(let fault):
            link?.output.method(.connectionCloseOK, channel: 0)
            try link?.flush()
            throw TransportError(.connectionLost, "RabbitMQ closed the connection: \(fault.text)")
        case .returned(let returned):
            // Its confirmation follows, and decides what to do.
            unconfirmed.first { $0.matches(returned) }?.isReturned = true
            logger.warning(
                "RabbitMQ gave a message back",
                metadata: ["reason": "\(returned.fault.text)", "routing_key": "\(returned.routingKey)"]
            )
        case .delivery, .consumerCancelled, .flow, .reply, .heartbeat:
            break
        }
    }

    /// The server closes the channel when it cannot make sense of one publish; the others on their way are lost with it.
    private func publishChannelClosed(_ fault: ServerFault) {
        isPublishChannelOpen = false
        let failed = unconfirmed.removeAll()
        for publish in failed {
            let isCulprit = failed.count == 1 || fault.names(exchange: publish.destination.exchange)
            let error =
                isCulprit
                ? TransportError(fault)
                : TransportError(.connectionLost, "RabbitMQ closed the channel over another message: \(fault.text)")
            end(publish, .failure(error))
        }
        // Not awaited: events are handled synchronously. A failure ends the whole connection.
        Task {
            do {
                try await openPublishChannel()
            } catch {
                fail(TransportError(.connectionLost, "the channel could not be opened again: \(error)"))
            }
        }
    }
}

extension ServerFault {
    /// Whether a fault over a missing exchange is about this one.
    fileprivate func names(exchange: String) -> Bool { code == 404 && text.contains("'\(exchange)'") }
}
