import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Results {
        func store(_ redis: LiveRedis, expires: Duration? = .seconds(86_400)) throws -> any ResultStore {
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            return try RedisResultBackend(redis.url, expires: expires).makeResultStore(context: context)
        }

        func entry(_ id: String, _ state: TaskState, _ value: JSONValue = nil) -> StoredResult {
            StoredResult(
                TaskResult(id: id, state: state, result: value), route: ReplyRoute(replyTo: nil, correlationID: id))
        }

        @Test func aResultIsStoredWithAnEndAndAnnounced() async throws {
            let redis = try await LiveRedis(database: 4)
            let announcements = Notes<RESPValue>()
            let subscriber = try await RedisConnection.open(
                RedisAddress(redis.url), name: "test", logger: LiveRedis.logger,
                onMessages: { $0.forEach(announcements.add) })
            try subscriber.subscribe { RedisPipeline("SUBSCRIBE", "celery-task-meta-a") }
            _ = try await announcements.next()
            let store = try store(redis, expires: .seconds(100))
            let result = entry("a", .success, 5)
            try await store.store([result])
            let encoded = result.result.encoded()
            #expect(try await redis.call(RedisPipeline("GET", "celery-task-meta-a")).bytes == encoded)
            #expect(try await announcements.next().array?.last?.bytes == encoded)
            let life = try await redis.call(RedisPipeline("TTL", "celery-task-meta-a")).integer
            #expect(try (90...100).contains(#require(life)))
            await store.close()
            await subscriber.close()
        }

        @Test func aResultWithoutAnEndStays() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis, expires: nil)
            try await store.store([entry("a", .success)])
            #expect(try await redis.call(RedisPipeline("TTL", "celery-task-meta-a")) == .integer(-1))
            await store.close()
        }

        @Test func successIsNeverOverwrittenAndEverythingElseIs() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis)
            try await store.store([entry("a", .started), entry("a", .failure), entry("a", .retry)])
            #expect(try await store.result(of: "a")?.state == .retry)
            try await store.store([entry("a", .success, 1), entry("a", .failure, 2), entry("a", .success, 3)])
            #expect(try await store.result(of: "a")?.result == 1)
            try await store.forget("a")
            #expect(try await store.result(of: "a") == nil)
            await store.close()
        }

        @Test(arguments: [true, false])
        func updatesShowWhatIsStoredBeforeAndAfter(isBefore: Bool) async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            if isBefore { try await writer.store([entry("a", .success, 1)]) }
            let updates = try await reader.updates(of: "a")
            if !isBefore { try await writer.store([entry("a", .started), entry("a", .success, 1)]) }
            var last: TaskResult?
            for try await result in updates { last = result }
            #expect(last?.state == .success)
            #expect(last?.result == 1)
            await reader.close()
            await writer.close()
        }

        @Test func manyWaitAtOnce() async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        for try await result in try await reader.updates(of: "\(number % 250)")
                        where result.state.isReady {
                            return result.result.integerValue
                        }
                        return nil
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { writing in
                    for number in 0..<250 {
                        let result = entry("\(number)", .success, .integer(number))
                        writing.addTask { try await writer.store([result]) }
                    }
                    try await writing.waitForAll()
                }
                var sum = 0
                for try await number in group { sum += try #require(number) }
                #expect(sum == 2 * (0..<250).reduce(0, +))
            }
            await reader.close()
            await writer.close()
        }

        /// The end of one wait must not end the subscription of the next.
        @Test func waitingAgainRightAfterGivingUpWorks() async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            for number in 0..<200 {
                for _ in 0..<3 {
                    let givenUp = try await reader.updates(of: "\(number)")
                    let task = Task { for try await _ in givenUp {} }
                    task.cancel()
                }
                let updates = try await reader.updates(of: "\(number)")
                try await writer.store([entry("\(number)", .success, .integer(number))])
                var last: TaskResult?
                for try await result in updates { last = result }
                #expect(last?.result == .integer(number))
            }
            await reader.close()
            await writer.close()
        }

        /// It is asked for, though not at once: nothing announces it any more.
        @Test func aResultThatIsThereBeforeAnEarlySubscriptionIsFound() async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            // Connects: the next subscription is made while it is early.
            _ = try await reader.updates(of: "other")
            try await writer.store([entry("a", .success, 1)])
            let updates = Notes<TaskResult>()
            let watcher = ResultWatcher(sent: .now + .seconds(60)) { update in
                if case .success(let result) = update { updates.add(result) }
            }
            try await reader.watch("a", watcher)
            #expect(try await updates.next().result == 1)
            watcher.end()
            await reader.close()
            await writer.close()
        }

        @Test func channelsThatNobodyWaitsOnAreLeft() async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            func channels() async throws -> Int {
                let names = try await redis.call(RedisPipeline("PUBSUB", "CHANNELS", "celery-task-meta-*"))
                return names.array?.count ?? -1
            }
            for number in 0..<200 {
                let updates = try await reader.updates(of: "\(number)")
                try await writer.store([entry("\(number)", .success)])
                for try await _ in updates {}
            }
            // The answer to a further subscription comes after all that was asked before.
            let updates = try await reader.updates(of: "last")
            try await writer.store([entry("last", .started)])
            var iterator = updates.makeAsyncIterator()
            #expect(try await iterator.next()?.state == .started)
            #expect(try await channels() < 70)
            await reader.close()
            await writer.close()
        }

        @Test func aResultThatCannotBeReadFailsItsOwnWaitersOnly() async throws {
            let redis = try await LiveRedis(database: 4)
            let (reader, writer) = (try store(redis), try store(redis))
            let other = try await reader.updates(of: "good")
            _ = try await redis.call(RedisPipeline("SET", "celery-task-meta-bad", "nonsense"))
            let bad = try await reader.updates(of: "bad")
            await #expect(throws: MessageError.self) { for try await _ in bad {} }
            let announced = try await reader.updates(of: "announced")
            // Not before the subscription: it has been answered when this has.
            try await writer.store([entry("announced", .started)])
            var iterator = announced.makeAsyncIterator()
            #expect(try await iterator.next()?.state == .started)
            _ = try await redis.call(RedisPipeline("PUBLISH", "celery-task-meta-announced", "nonsense"))
            let error = await #expect(throws: MessageError.self) {
                while try await iterator.next() != nil {}
            }
            #expect(error?.code == .undecodable)
            try await writer.store([entry("good", .success, 1)])
            var last: TaskResult?
            for try await result in other { last = result }
            #expect(last?.result == 1)
            await reader.close()
            await writer.close()
        }

        @Test func oneResultThatCannotBeStoredDoesNotFailTheOthers() async throws {
            let redis = try await LiveRedis(database: 4)
            _ = try await redis.call(RedisPipeline("LPUSH", "celery-task-meta-bad", "x"))
            let store = try store(redis)
            let failures = await store.store(
                contentsOf: [entry("a", .success, 1), entry("bad", .success), entry("b", .success, 2)])
            #expect(Array(failures.keys) == [1])
            #expect(try await store.result(of: "a")?.result == 1)
            #expect(try await store.result(of: "b")?.result == 2)
            await store.close()
        }

        @Test func aServerWithoutMemoryIsTriedAgain() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis)
            try await store.prepare()
            _ = try await redis.call(RedisPipeline("CONFIG", "SET", "maxmemory", "1"))
            let error = await #expect(throws: TransportError.self) { try await store.store([entry("a", .success)]) }
            _ = try await redis.call(RedisPipeline("CONFIG", "SET", "maxmemory", "0"))
            #expect(error?.isRetriable == true)
            try await store.store([entry("a", .success)])
            #expect(try await store.result(of: "a")?.state == .success)
            await store.close()
        }

        @Test func lostScriptsAreSentAgain() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis)
            try await store.prepare()
            _ = try await redis.call(RedisPipeline("SCRIPT", "FLUSH"))
            try await store.store([entry("a", .success, 1), entry("b", .success, 2)])
            #expect(try await store.result(of: "a")?.result == 1)
            #expect(try await store.result(of: "b")?.result == 2)
            await store.close()
        }

        @Test func aLostSubscriptionIsAnErrorAndTheNextOneWorks() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis)
            let updates = try await store.updates(of: "a")
            _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", "pubsub"))
            let error = await #expect(throws: TransportError.self) { for try await _ in updates {} }
            #expect(error?.code == .connectionLost)
            try await store.store([entry("a", .success, 1)])
            var last: TaskResult?
            // The first try finds the lost connection, the second makes a new one.
            do {
                for try await result in try await store.updates(of: "a") { last = result }
            } catch {
                for try await result in try await store.updates(of: "a") { last = result }
            }
            #expect(last?.result == 1)
            await store.close()
        }

        @Test func aClosedStoreEndsThoseWhoWait() async throws {
            let redis = try await LiveRedis(database: 4)
            let store = try store(redis)
            let updates = try await store.updates(of: "a")
            await store.close()
            let error = await #expect(throws: TransportError.self) { for try await _ in updates {} }
            #expect(error?.code == .closed)
        }

        /// Whoever can publish on its channel could fill the log.
        @Test func whatIsAnnouncedOfATaskThatNobodyWaitsForIsNotRead() async throws {
            let redis = try await LiveRedis(database: 4)
            let log = LogLines()
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: log.logger)
            let store = try RedisResultBackend(redis.url).makeResultStore(context: context)
            func wait(_ id: String, _ publications: [String]) async throws {
                let outcome = Notes<Void>()
                let watcher = ResultWatcher { _ in outcome.add(()) }
                try await store.watch(id, watcher)
                let channel = "celery-task-meta-\(id)"
                while try await redis.call(RedisPipeline("PUBSUB", "NUMSUB", channel)).array?.last != .integer(1) {
                    await Task.yield()
                }
                for text in publications { _ = try await redis.call(RedisPipeline("PUBLISH", channel, text)) }
                _ = try await outcome.next()
                watcher.end()
            }
            try await wait("a", ["nonsense"])
            for _ in 0..<50 { _ = try await redis.call(RedisPipeline("PUBLISH", "celery-task-meta-a", "nonsense")) }
            // Comes after all of these.
            try await wait("b", [#"{"status": "SUCCESS", "result": 1, "task_id": "b"}"#])
            #expect(log.lines.count { $0.contains("cannot be read") } == 1)
            await store.close()
        }

        @Test func thatResultsAreNotAnnouncedIsLoggedOnce() async throws {
            let redis = try await LiveRedis(database: 4)
            _ = try await redis.call(
                RedisPipeline("ACL", "SETUSER", "silent", "reset", "on", ">secret", "~*", "+@all", "resetchannels"))
            let log = LogLines()
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: log.logger)
            let url = redis.url.replacing("redis://", with: "redis://silent:secret@")
            let store = try RedisResultBackend(url).makeResultStore(context: context)
            for number in 0..<20 {
                await #expect(throws: TransportError.self) {
                    for try await _ in try await store.updates(of: "\(number)") {}
                }
            }
            #expect(log.lines.count { $0.contains("refuses to announce results") } == 1)
            await store.close()
        }
    }
}
