import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    /// The least rights, as the article Deploying names them.
    @Suite struct Rights {
        static let connection = ["+ping", "+client|setname"]
        static let sender =
            connection + ["+lpush", "+sadd", "+smembers", "~q", "~q\u{6}\u{16}*", "~_kombu.binding*"]
        static let worker =
            sender + [
                "+evalsha", "+eval", "+script|load", "+client|id", "+client|tracking", "+client|caching", "+subscribe",
                "+publish", "+pubsub|numsub", "+exists", "+type", "+time", "+rpop", "+rpush", "+hset", "+hget",
                "+hmget", "+hgetall", "+hdel", "+hincrby", "+zadd", "+zrem", "+zcard", "+zscore", "+zmscore",
                "+zpopmin", "+zrangebyscore", "+zrevrangebyscore", "+zscan", "+scan", "+llen",
                "~unacked*", "~q.dead-letter", "&__redis__:invalidate", "&unacked_swift_turn/*",
            ]
        static let asker =
            sender + [
                "+zadd", "+brpop", "+rpop", "+srem", "+del", "+publish", "~*.reply.celery.pidbox*",
                "&/0.celery.pidbox",
            ]
        static let results =
            connection + [
                "+evalsha", "+script|load", "+get", "+set", "+setex", "+publish", "~celery-task-meta-*",
                "&celery-task-meta-*",
            ]
        static let chords =
            results + [
                "+zadd", "+zscore", "+zcard", "+zrange", "+sadd", "+sismember", "+expire", "+incrby", "+pttl",
                "+exists", "+del", "+hget", "+hset", "~celery-taskset-meta-*",
            ]
        static let caller = results + ["+subscribe", "+unsubscribe", "+mget", "+del", "+select"]

        func url(_ redis: LiveRedis, _ rules: [String]) async throws -> String {
            var command = RedisPipeline()
            let arguments = ["ACL", "SETUSER", "least", "reset", "on", ">secret", "resetchannels", "+select"] + rules
            command.begin(arguments.count)
            for argument in arguments { command.add(argument) }
            _ = try await redis.call(command)
            return redis.url.replacing("redis://", with: "redis://least:secret@")
        }

        /// What the server has refused to anybody since.
        func refusals(_ redis: LiveRedis) async throws -> [RESPValue] {
            try await redis.call(RedisPipeline("ACL", "LOG")).array ?? []
        }

        @Test func aWorkerNeedsTheseAndIsRefusedNothing() async throws {
            let redis = try await LiveRedis(database: 9)
            _ = try await redis.call(RedisPipeline("ACL", "LOG", "RESET"))
            let log = LogLines()
            // Left behind by another one.
            let entry = #"[{"body": "bGVmdA==", "properties": {"body_encoding": "base64"}}, "q", "q"]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "t", entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "t"))
            let url = try await url(redis, Self.worker)
            func open() async throws -> RedisConsumer {
                try await RedisConsumer.open(
                    RedisAddress(url), ConsumerConfiguration(queues: ["q"], prefetch: 0),
                    options: .init(lease: .seconds(2)), logger: log.logger)
            }
            let (consumer, other) = (try await open(), try await open())
            try await redis.publish("a", "b", "c", "d", priority: 5)
            let held = try await consumer.receive(count: 5)
            #expect(Set(held.map(\.text)) == ["left", "a", "b", "c", "d"])
            consumer.settle(held[0].tag, .acknowledge)
            consumer.settle(held[1].tag, .requeue)
            consumer.settle(held[2].tag, .deadLetter(reason: "x"))
            #expect(consumer.park(held[3].tag, until: Date() + 100, isUrgent: false))
            await consumer.flush()
            #expect(try await redis.length("q.dead-letter") == 1)
            // It dies, and the other one takes what it held.
            consumer.restorer.close()
            consumer.held.close()
            await consumer.link.commands.close()
            _ = try await other.receive(count: 2)
            _ = try await log.next("no sign of life")
            await other.close()
            #expect(try await refusals(redis) == [])
            #expect(log.lines.filter { $0.hasPrefix("error") } == [])
        }

        @Test func aSenderNeedsThese() async throws {
            let redis = try await LiveRedis(database: 9)
            _ = try await redis.call(RedisPipeline("ACL", "LOG", "RESET"))
            let producer = try await RedisBroker(url(redis, Self.sender)).makeProducer(logger: LiveRedis.logger)
            try await producer.publish(
                Message(properties: MessageProperties(priority: 9), body: []), to: Destination(queue: "q"))
            try await producer.publish(Message(body: []), to: Destination(exchange: "q", routingKey: "q"))
            await producer.close()
            #expect(try await refusals(redis) == [])
        }

        private static let replies = ConsumerConfiguration(
            queues: [
                Queue(
                    "id.reply.celery.pidbox", exchange: "reply.celery.pidbox", routingKey: "id", isAutoDelete: true,
                    expires: .seconds(10))
            ], prefetch: 0, isAutoAcknowledging: true, deletesQueues: true)

        @Test func whoAsksWorkersNeedsThese() async throws {
            let redis = try await LiveRedis(database: 9)
            _ = try await redis.call(RedisPipeline("ACL", "LOG", "RESET"))
            let broker = RedisBroker(try await url(redis, Self.asker))
            let consumer = try await broker.makeConsumer(Self.replies, logger: LiveRedis.logger)
            let producer = try await broker.makeProducer(logger: LiveRedis.logger)
            try await producer.publish(
                Message(body: Array("pong".utf8)), to: Destination(exchange: "reply.celery.pidbox", routingKey: "id"))
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["pong"])
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "_kombu.binding.reply.celery.pidbox")) == .integer(0))
            await producer.close()
            #expect(try await refusals(redis) == [])
        }

        @Test(arguments: ["brpop", "rpop", "sadd"])
        func whoAsksWithoutARightIsToldWhich(right: String) async throws {
            let redis = try await LiveRedis(database: 9)
            let broker = RedisBroker(try await url(redis, Self.asker + ["-" + right]))
            let error = await #expect(throws: TransportError.self) {
                _ = try await broker.makeConsumer(Self.replies, logger: LiveRedis.logger)
            }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("(the user's right +\(right))") == true)
        }

        @Test(arguments: [false, true]) func resultsNeedThese(isWaiting: Bool) async throws {
            let redis = try await LiveRedis(database: 9)
            _ = try await redis.call(RedisPipeline("ACL", "LOG", "RESET"))
            let log = LogLines()
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: log.logger)
            let store = try RedisResultBackend(try await url(redis, isWaiting ? Self.caller : Self.chords))
                .makeResultStore(context: context)
            let result = StoredResult(
                TaskResult(id: "a", state: .success, result: 1), route: ReplyRoute(replyTo: nil, correlationID: "a"))
            if isWaiting {
                let end = Task {
                    for try await update in try await store.updates(of: "a") { return update.result == 1 }
                    return false
                }
                try await store.store([result])
                #expect(try await end.value)
                try await store.store([StoredResult(TaskResult(id: "b", state: .success), route: result.route)])
                #expect(try await store.results(of: ["a", "b"]).count == 2)
                try await store.forget("a")
            } else {
                try await store.connect()
                try await store.store([result])
                try await store.growChord("g", by: 1)
                let claim = try await ChordChecks(store: store).complete(added: 1)
                _ = try await store.chordResults(claim)
                _ = try await store.extend(claim, for: .seconds(20))
                _ = try await store.end(claim)
                try await store.fail(claim)
            }
            await store.close()
            #expect(try await refusals(redis) == [])
            #expect(log.lines == [])
        }

        static let needed = [
            "evalsha", "eval", "script|load", "sadd", "hset", "hget", "hdel", "hmget", "rpop", "lpush", "rpush", "zadd",
            "zrem", "zscore", "zmscore", "type",
        ]

        /// Else it would say that it is ready, and never take a task.
        @Test(arguments: needed) func aWorkerThatLacksARightDoesNotBeginAndNamesIt(right: String) async throws {
            let redis = try await LiveRedis(database: 9)
            let url = try await url(redis, Self.worker + ["-" + right])
            let error = await #expect(throws: TransportError.self) { try await open(url, LogLines()) }
            #expect(error?.code == .refused)
            let command = right.uppercased().replacing("|", with: " ")
            #expect(
                error?.message.hasPrefix("Redis refuses \(command), which is needed (the user's right +\(right)): ")
                    == true)
            #expect(try await redis.call(RedisPipeline("EXISTS", "q", "unacked", "unacked_index")) == .integer(0))
        }

        @Test func aWorkerWithoutRightsOnTheListsOfItsQueuesDoesNotBegin() async throws {
            let redis = try await LiveRedis(database: 9)
            let url = try await url(redis, Self.worker + ["resetkeys", "~unacked*", "~_kombu.binding*"])
            let error = await #expect(throws: TransportError.self) { try await open(url, LogLines()) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("unacked_swift_turn:q q ") == true)
        }

        @Test(arguments: ["EVALSHA", "EVAL", "SCRIPT", "HDEL"])
        func aWorkerOnAServerThatHasRenamedACommandDoesNotBeginAndNamesIt(command: String) async throws {
            let server = try PrivateRedis("--rename-command", command, "")
            let redis = try await LiveRedis(at: server.url)
            let error = await #expect(throws: TransportError.self) { try await redis.consumer() }
            #expect(error?.code == .refused)
            let name = command == "SCRIPT" ? "SCRIPT LOAD" : command
            #expect(error?.message.hasPrefix("Redis refuses \(name), which is needed (") == true)
            #expect(error?.message.contains("args beginning") == false)
        }

        @Test func aServerThatHasRenamedClientIsAskedForMessages() async throws {
            let server = try PrivateRedis("--rename-command", "CLIENT", "")
            let redis = try await LiveRedis(at: server.url)
            let consumer = try await redis.consumer()
            for text in ["a", "b"] {
                let receiving = Task { try await consumer.receive(upTo: 1) }
                try await redis.publish(text)
                #expect(try await receiving.value.map(\.text) == [text])
            }
            await consumer.close()
        }

        @Test func whatIsRefusedLaterIsWaitedFor() async throws {
            let redis = try await LiveRedis(database: 9)
            let log = LogLines()
            let url = try await url(redis, Self.worker)
            let consumer = try await open(url, log)
            try await redis.publish("a")
            let held = try #require(try await consumer.receive(upTo: 1).first)
            _ = try await redis.call(RedisPipeline("ACL", "SETUSER", "least", "-evalsha"))
            consumer.settle(held.tag, .giveBack)
            let receiving = Task { try await consumer.receive(count: 2) }
            try await redis.publish("b")
            _ = try await log.next("refuses to give messages", "NOPERM")
            while !log.lines.contains(where: { $0.contains("cannot be put back") }) { await Task.yield() }
            _ = try await redis.call(RedisPipeline("ACL", "SETUSER", "least", "+evalsha"))
            _ = try await log.next("gives messages again")
            #expect(try await receiving.value.map(\.text).sorted() == ["a", "b"])
            await consumer.close()
        }

        /// What another user's queues get is nothing to set aside.
        @Test func anEntryWhoseBindingsThisUserMayNotReadIsLeftToOthers() async throws {
            let redis = try await LiveRedis(database: 9)
            let entry = #"[{"body": "bGVmdA==", "properties": {"body_encoding": "base64"}}, "other", "other"]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "t", entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "t"))
            let keys = Self.worker.filter { $0 != "~_kombu.binding*" }
            let url = try await url(redis, keys + ["~_kombu.binding.q", "~_kombu.binding_permanent.q"])
            let log = LogLines()
            let consumer = try await open(url, log)
            _ = try await log.next("cannot be restored", "NOPERM", "(SMEMBERS _kombu.binding.other)")
            #expect(try await redis.call(RedisPipeline("HEXISTS", "unacked", "t")) == .integer(1))
            await consumer.close()
        }

        @Test(arguments: ["evalsha", "script|load", "get", "setex"])
        func aWorkerWhoseResultsLackARightDoesNotBeginAndNamesIt(right: String) async throws {
            let redis = try await LiveRedis(database: 9)
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            let store = try RedisResultBackend(try await url(redis, Self.results + ["-" + right]))
                .makeResultStore(context: context)
            let error = await #expect(throws: TransportError.self) { try await store.connect() }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("(the user's right +\(right))") == true)
            #expect(try await redis.call(RedisPipeline("DBSIZE")) == .integer(0))
            await store.close()
        }

        @Test(arguments: [
            "zadd", "zscore", "zcard", "zrange", "sadd", "sismember", "expire", "incrby", "pttl", "exists",
            "hget", "hset",
        ])
        func aWorkerThatMayNotJoinChordsBeginsAndSaysSo(right: String) async throws {
            let redis = try await LiveRedis(database: 9)
            let log = LogLines()
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: log.logger)
            let store = try RedisResultBackend(try await url(redis, Self.chords + ["-" + right]))
                .makeResultStore(context: context)
            try await store.connect()
            #expect(log.lines.count == 1)
            let line = try #require(log.lines.first)
            #expect(line.hasPrefix("notice: the members of chords cannot be counted"))
            #expect(line.contains("(the user's right +\(right))"))
            #expect(try await redis.call(RedisPipeline("DBSIZE")) == .integer(0))
            let result = TaskResult(id: "a", state: .success)
            try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: "a"))])
            await store.close()
        }

        func open(_ url: String, _ log: LogLines) async throws -> RedisConsumer {
            try await RedisConsumer.open(
                RedisAddress(url), ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(),
                logger: log.logger)
        }
    }
}
