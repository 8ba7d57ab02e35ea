import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Chords {
        func store(_ redis: LiveRedis, _ chords: ChordOptions = .init()) throws -> any ResultStore {
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            return try RedisResultBackend(redis.url, chords: chords).makeResultStore(context: context)
        }

        @Test(arguments: ChordChecks.all.map(\.0)) func itJoinsChords(_ name: String) async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            #expect(store.joinsChords)
            try await ChordChecks.run(name, in: store)
            await store.close()
        }

        func keys(_ redis: LiveRedis) async throws -> [String: Int] {
            var lives: [String: Int] = [:]
            for key in try await redis.call(RedisPipeline("KEYS", "*")).array ?? [] {
                let key = try #require(key.text)
                lives[key] = try await redis.call(RedisPipeline("TTL", key)).integer
            }
            return lives
        }

        @Test func theKeysAreThoseOfCeleryWithItsLives() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis, ChordOptions(expires: .seconds(1000)))
            let checks = ChordChecks(store: store)
            try await store.saveGroup(ResultTree([["g", nil], [[["a", nil], nil]]]))
            let tree = try await redis.call(RedisPipeline("GET", "celery-taskset-meta-g")).text
            #expect(tree == #"{"result": [["g", null], [[["a", null], null]]]}"#)
            try await store.openChord("g", size: 1)
            try await store.growChord("g", by: 1)
            #expect(try await redis.call(RedisPipeline("GET", "celery-taskset-meta-g.s")).text == "1")
            _ = try await checks.record(ChordChecks.part("a", 0, ["\u{e9}": 1.0]))
            let claim = try checks.claim(try await checks.record(ChordChecks.part("b", nil)).first)
            let kept = try await redis.call(
                RedisPipeline("ZRANGE", "celery-taskset-meta-g.j", "0", "-1", "WITHSCORES")
            ).array?.map(\.text)
            #expect(
                kept == [
                    #"[1, "a", "SUCCESS", {"\u00e9": 1.0}]"#, "0", #"[1, "b", "SUCCESS", null]"#, "inf",
                ])
            let counted = try await redis.call(RedisPipeline("SMEMBERS", "celery-taskset-meta-g.d")).array?
                .compactMap(\.text)
            #expect(Set(counted ?? []) == ["a:0", "b:+inf"])
            var lives = try await keys(redis)
            #expect(lives.count == 6)
            #expect((86390...86400).contains(lives.removeValue(forKey: "celery-taskset-meta-g") ?? 0))
            #expect((3...6).contains(lives.removeValue(forKey: "celery-taskset-meta-g.c") ?? 0))
            for life in lives.values { #expect((990...1000).contains(life)) }
            #expect(try await store.end(claim))
            #expect(try await redis.call(RedisPipeline("GET", "celery-taskset-meta-g.c")).text == "done")
            lives = try await keys(redis)
            #expect(lives.removeValue(forKey: "celery-taskset-meta-g") != nil)
            #expect(lives.count == 1)
            #expect((290...300).contains(lives["celery-taskset-meta-g.c"] ?? 0))
            await store.close()
        }

        /// A client opens a chord just before the last message of its header, also when it sends one once more.
        @Test func aPartThatIsThereBeforeItsChordIsOpenedOnceMoreCounts() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            let checks = ChordChecks(store: store)
            #expect(try await store.end(checks.complete()))
            #expect(try await checks.record(ChordChecks.part("a", 0, 3)) == [.alreadyEnded])
            for key in ["j", "d"] {
                let life = try await redis.call(RedisPipeline("TTL", "celery-taskset-meta-g.\(key)")).integer
                #expect((50...60).contains(life ?? 0))
            }
            try await store.openChord("g", size: 2)
            let claim = try checks.claim(try await checks.record(ChordChecks.part("b", 1, 4)).first)
            #expect(try await store.chordResults(claim) == .values([3, 4]))
            await store.close()
        }

        /// Its holder has died over it: whoever records a part again has the body to send.
        @Test func aClaimThatHasExpiredIsTakenOver() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            let checks = ChordChecks(store: store)
            let dead = try await checks.complete()
            #expect(try await store.begins(ChordBodyCopy(group: "g", token: dead.token, place: 0)))
            _ = try await redis.call(RedisPipeline("DEL", "celery-taskset-meta-g.c"))
            let heir = try checks.claim(try await checks.record(ChordChecks.part("a", 0, 1)).first)
            #expect(heir.isRepeated)
            #expect(try await !store.begins(ChordBodyCopy(group: "g", token: heir.token, place: 0)))
            #expect(try await store.chordResults(heir) == .values([1, 2]))
            // It was not dead, but slow.
            #expect(try await !store.extend(dead, for: .seconds(20)))
            #expect(try await !store.end(dead))
            #expect(try await store.end(heir))
            await store.close()
        }

        @Test func aClaimThatHasExpiredAndThatNobodyTookIsStillItsHolder_s() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            let claim = try await ChordChecks(store: store).complete()
            _ = try await redis.call(RedisPipeline("DEL", "celery-taskset-meta-g.c"))
            #expect(try await store.extend(claim, for: .seconds(20)))
            #expect(try await store.end(claim))
            await store.close()
        }

        @Test func withoutAnOrderTheResultsComeAsTheTasksHaveEnded() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis, ChordOptions(isOrdered: false))
            let checks = ChordChecks(store: store)
            try await store.openChord("g", size: 2)
            #expect(
                try await checks.record(ChordChecks.part("b", 1, 2), ChordChecks.part("b", 1, 2)) == [
                    .waiting, .waiting,
                ])
            let claim = try checks.claim(try await checks.record(ChordChecks.part("a", 0, 1)).first)
            #expect(try await store.chordResults(claim) == .values([2, 1]))
            #expect(try await redis.call(RedisPipeline("TYPE", "celery-taskset-meta-g.j")) == .status("list"))
            await store.close()
        }

        @Test func aKeyOfAnotherTypeRefusesThePartsOfItsChordAndNoOthers() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            _ = try await redis.call(RedisPipeline("SET", "celery-taskset-meta-g.j", "x"))
            try await store.openChord("h", size: 1)
            let progress = await store.record([ChordChecks.part("a", 0), ChordChecks.part("b", 0, of: "h")])
            let error = #expect(throws: TransportError.self) { try progress[0].get() }
            #expect(error?.code == .rejected)
            #expect(error?.message.contains("chord g") == true)
            #expect(error?.message.contains("WRONGTYPE") == true)
            _ = try ChordChecks(store: store).claim(try progress[1].get())
            await store.close()
        }

        /// Celery raises, and the chord waits for ever.
        @Test(arguments: ["abc", "nan", "1e400", "0x10", "", "9999999999999999999"], ["s", "t"])
        func aSizeThatIsNoNumberRefusesThePartsAndOneMayFailTheChord(size: String, key: String) async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            try await store.openChord("g", size: 1)
            _ = try await redis.call(RedisPipeline("SET", "celery-taskset-meta-g.\(key)", size))
            let progress = await store.record([ChordChecks.part("a", 0)])
            let error = #expect(throws: TransportError.self) { try progress[0].get() }
            #expect(error?.code == .rejected)
            #expect(error?.message.contains("g.\(key) is no whole number") == true)
            let claim = ChordClaim(group: "g", token: "one", isRepeated: false)
            let other = ChordClaim(group: "g", token: "other", isRepeated: false)
            #expect(try await store.extend(claim, for: .seconds(20)))
            #expect(try await !store.extend(other, for: .seconds(20)))
            try await store.fail(claim)
            _ = try await redis.call(RedisPipeline("DEL", "celery-taskset-meta-g.c"))
            #expect(try await !store.extend(other, for: .seconds(20)))
            await store.close()
        }

        /// As many as a worker records at once cost one round trip.
        @Test func aThousandPartsAreOneWriteAndOneCallOfAScript() async throws {
            let redis = try await LiveRedis(database: 3)
            let store = try store(redis)
            try await store.openChord("g", size: 1000)
            _ = try await redis.call(RedisPipeline("CONFIG", "RESETSTAT"))
            let progress = await store.record((0..<1000).map { ChordChecks.part("\($0)", $0, .integer($0)) })
            let claim = try ChordChecks(store: store).claim(try progress.last?.get())
            let stats = try await redis.call(RedisPipeline("INFO", "commandstats")).text ?? ""
            #expect(stats.contains("cmdstat_evalsha:calls=1,"))
            #expect(try await store.chordResults(claim) == .values((0..<1000).map { .integer($0) }))
            await store.close()
        }
    }
}
