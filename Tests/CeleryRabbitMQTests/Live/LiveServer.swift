import CeleryProtocol
import CeleryRabbitMQ
import CeleryTransport
import Foundation
import Logging
import Testing

/// The RabbitMQ server that live tests run against, named by the environment.
enum LiveServer {
    static let variable = "SWIFT_CELERY_TEST_RABBITMQ_URL"
    static let url = ProcessInfo.processInfo.environment[variable] ?? ""
    static let isThere = !url.isEmpty
    static let reason: Comment = "needs a RabbitMQ server, named by SWIFT_CELERY_TEST_RABBITMQ_URL"

    static var broker: RabbitMQBroker { .rabbitMQ(url) }
    static let logger = Logger(label: "test")

    /// A queue of the test's own, which the server removes by itself.
    static func queue(
        _ kind: Queue.Kind = .classic,
        maxPriority: Int? = nil,
        name: String = "test-\(UUID().uuidString)"
    ) -> Queue {
        Queue(name, kind: kind, maxPriority: maxPriority, expires: .seconds(60))
    }

    static func producer() async throws -> any Producer {
        try await broker.makeProducer(logger: logger)
    }

    static func consumer(_ queues: Queue..., prefetch: Int = 0, isAutoAcknowledging: Bool = false) async throws
        -> any Consumer
    {
        let configuration = ConsumerConfiguration(
            queues: queues,
            prefetch: prefetch,
            isAutoAcknowledging: isAutoAcknowledging,
            name: "test"
        )
        return try await broker.makeConsumer(configuration, logger: logger)
    }
}

extension Message {
    /// A message whose body is `text`.
    init(_ text: String, priority: Int? = nil) {
        self.init(properties: MessageProperties(priority: priority), body: Array(text.utf8))
    }
}

extension Delivery {
    /// The body as text.
    var text: String { String(decoding: raw, as: UTF8.self) }
}

extension Consumer {
    /// Waits for exactly so many messages.
    func receive(count: Int) async throws -> [Delivery] {
        var deliveries: [Delivery] = []
        while deliveries.count < count {
            deliveries += try await receive(upTo: count - deliveries.count)
        }
        return deliveries
    }
}
