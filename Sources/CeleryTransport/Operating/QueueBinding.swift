/// That an exchange gives messages of a routing key to a queue.
package struct QueueBinding: Sendable, Hashable, Comparable {
    package let queue: String
    package let exchange: String
    package let routingKey: String

    package init(queue: String, exchange: String, routingKey: String) {
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
    }

    package static func < (first: QueueBinding, second: QueueBinding) -> Bool {
        (first.queue, first.exchange, first.routingKey) < (second.queue, second.exchange, second.routingKey)
    }
}
