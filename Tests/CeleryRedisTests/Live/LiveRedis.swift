import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

/// The Redis server that live tests run against, named by the environment.
///
/// Kombu's keys are the server's, so each test has a database of its own, which it empties first.
struct LiveRedis: Sendable {
    static let variable = "SWIFT_CELERY_TEST_REDIS_URL"
    static let url = ProcessInfo.processInfo.environment[variable] ?? ""
    static let isThere = !url.isEmpty
    static let reason: Comment = "needs a Redis server, named by SWIFT_CELERY_TEST_REDIS_URL"
    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    let url: String
    let admin: RedisConnection

    init(database: Int) async throws {
        url = Self.url.replacing(/\/[0-9]*$/, with: "/\(database)")
        admin = try await RedisConnection.open(RedisAddress(url), name: "admin", logger: Self.logger)
        _ = try await admin.call(RedisPipeline("FLUSHDB"))
    }

    /// A server of a test's own.
    init(at url: String) async throws {
        self.url = url
        admin = try await Self.connect(url)
    }

    /// A server that may not have begun to listen.
    private static func connect(_ url: String) async throws -> RedisConnection {
        try await retrying(RetrySchedule(first: .milliseconds(10), maximum: .milliseconds(100)), tries: 200) {
            ($0 as? TransportError)?.isRetriable ?? false
        } _: { _ in
            try await RedisConnection.open(RedisAddress(url), name: "admin", logger: logger)
        }
    }

    func broker(visibilityTimeout: Duration = .seconds(3600), lease: Duration = .seconds(60)) -> RedisBroker {
        RedisBroker(url, options: .init(visibilityTimeout: visibilityTimeout, lease: lease))
    }

    func consumer(
        _ queues: [Queue] = ["q"], visibilityTimeout: Duration = .seconds(3600), lease: Duration = .seconds(60),
        log: LogLines? = nil
    ) async throws -> RedisConsumer {
        try await RedisConsumer.open(
            RedisAddress(url), ConsumerConfiguration(queues: queues, prefetch: 0),
            options: .init(visibilityTimeout: visibilityTimeout, lease: lease),
            logger: log?.logger ?? Self.logger)
    }

    func publish(_ texts: String..., priority: Int? = nil, to queue: Queue = "q") async throws {
        let producer = try await broker().makeProducer(logger: Self.logger)
        for text in texts {
            let message = Message(properties: MessageProperties(priority: priority), body: Array(text.utf8))
            try await producer.publish(message, to: Destination(queue: queue))
        }
        await producer.close()
    }

    func call(_ pipeline: RedisPipeline) async throws -> RESPValue { try await admin.call(pipeline) }

    func length(_ key: String) async throws -> Int? { try await call(RedisPipeline("LLEN", key)).integer }

    /// How often the server ran each command so far.
    func commandCounts() async throws -> [String: Int] {
        let text = try await call(RedisPipeline("INFO", "commandstats")).text ?? ""
        var counts: [String: Int] = [:]
        for match in text.matches(of: /cmdstat_([^:]+):calls=([0-9]+)/) {
            counts[String(match.1)] = Int(match.2)
        }
        return counts
    }
}

extension Delivery {
    /// The body as text.
    var text: String {
        guard case .success(let message) = message else { return "unreadable" }
        return String(decoding: message.body, as: UTF8.self)
    }

    var isRedelivered: Bool {
        guard case .success(let message) = message else { return false }
        return message.properties.isRedelivered
    }
}

extension Consumer {
    /// Waits for exactly so many messages.
    func receive(count: Int) async throws -> [Delivery] {
        var deliveries: [Delivery] = []
        while deliveries.count < count { deliveries += try await receive(upTo: count - deliveries.count) }
        return deliveries
    }
}
