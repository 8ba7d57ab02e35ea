import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    /// What is done for many tasks at once costs as many commands as hundreds of them need.
    @Suite struct Many {
        func calls(_ redis: LiveRedis) async throws -> [Substring: Int] {
            let text = try await redis.call(RedisPipeline("INFO", "commandstats")).text ?? ""
            let lines = text.matches(of: /cmdstat_([^:]+):calls=([0-9]+)/)
            return Dictionary(lines.map { ($0.1, Int($0.2) ?? 0) }) { $0 + $1 }
        }

        func store(_ redis: LiveRedis) throws -> any ResultStore {
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            return try RedisResultBackend(redis.url).makeResultStore(context: context)
        }

        func entry(_ number: Int) -> StoredResult {
            StoredResult(
                TaskResult(id: "t\(number)", state: .success, result: .integer(number)),
                route: ReplyRoute(replyTo: nil, correlationID: "t\(number)"))
        }

        @Test func manyMessagesAreFewPushes() async throws {
            let redis = try await LiveRedis(database: 8)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            let messages = (0..<1000).map { number in
                (
                    message: Message(properties: MessageProperties(priority: number == 7 ? 9 : 0), body: [1]),
                    destination: Destination(queue: number == 8 ? "r" : "q")
                )
            }
            _ = try await redis.call(RedisPipeline("CONFIG", "RESETSTAT"))
            #expect(await producer.publish(contentsOf: messages).isEmpty)
            #expect(try await redis.length("q") == 998)
            #expect(try await redis.length("q\u{6}\u{16}9") == 1)
            #expect(try await redis.length("r") == 1)
            #expect(try await calls(redis)["lpush"] ?? 0 <= 8)
            // Each stands for itself.
            let first = try await redis.call(RedisPipeline("LINDEX", "q", "-1")).bytes ?? []
            #expect(try KombuEnvelope.decode(first).properties.deliveryTag?.isEmpty == false)
            await producer.close()
        }

        @Test func whatCannotBePushedIsNamedAndTheRestIsThere() async throws {
            let redis = try await LiveRedis(database: 8)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            _ = try await redis.call(RedisPipeline("SET", "text", "x"))
            let messages = ["q", "unacked", "text", "q"].map {
                (message: Message(body: [1]), destination: Destination(exchange: "", routingKey: $0))
            }
            let failures = await producer.publish(contentsOf: messages)
            #expect(failures.keys.sorted() == [1, 2])
            #expect(try await redis.length("q") == 2)
            await producer.close()
            #expect(await producer.publish(contentsOf: messages).count == 4)
        }

        @Test func manyWaitsAreOneSubscriptionAndOneQuestion() async throws {
            let redis = try await LiveRedis(database: 8)
            let (reader, writer) = (try store(redis), try store(redis))
            _ = await writer.store(contentsOf: (0..<300).map(entry))
            try await reader.connect()
            _ = try await redis.call(RedisPipeline("CONFIG", "RESETSTAT"))
            let ends = Notes<Int?>()
            let watches = (0..<1000).map { number in
                (
                    id: "t\(number)",
                    watcher: ResultWatcher { update in
                        if case .success(let result) = update { ends.add(result.result.integerValue) }
                    }
                )
            }
            try await reader.watch(contentsOf: watches)
            // Those that were stored before are found, those that are stored later are announced.
            var seen: Set<Int> = []
            while seen.count < 300 { seen.insert(try #require(try await ends.next())) }
            _ = await writer.store(contentsOf: (300..<1000).map(entry))
            while seen.count < 1000 { seen.insert(try #require(try await ends.next())) }
            for (_, watcher) in watches { watcher.end() }
            let calls = try await calls(redis)
            #expect(calls["subscribe"] == 2)
            #expect(calls["mget"] == 2)
            #expect(calls["get"] ?? 0 <= 1000)
            #expect(try await reader.results(of: (0..<1001).map { "t\($0)" }).count == 1000)
            try await reader.forget(contentsOf: (0..<1000).map { "t\($0)" })
            #expect(try await redis.call(RedisPipeline("DBSIZE")) == .integer(0))
            await reader.close()
            await writer.close()
        }
    }
}
