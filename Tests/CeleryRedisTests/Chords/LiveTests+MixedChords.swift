import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

extension LiveTests {
    /// Chords whose parts are counted by this package and by Python's Celery.
    @Suite(.enabled(if: ChordPeer.isThere, "needs Python Celery: interop/setup"))
    struct MixedChords {
        static func name(_ number: Int) -> String { "t\(number)" }

        func part(_ number: Int) -> ChordPart {
            ChordPart(group: "g", id: Self.name(number), index: number, state: .success, result: .integer(number))
        }

        func store(_ redis: LiveRedis) throws -> any ResultStore {
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            return try RedisResultBackend(redis.url).makeResultStore(context: context)
        }

        /// As a worker does it: whoever has the claim sends the body, which is noted as Python's are.
        func count(_ part: ChordPart, in store: any ResultStore, sending sent: inout [JSONValue]) async throws {
            guard case .complete(let claim) = try await store.record([part])[0].get() else { return }
            guard case .values(let values) = try await store.chordResults(claim) else { return }
            guard try await store.extend(claim, for: .seconds(20)) else { return }
            sent.append([.array(values)])
            #expect(try await store.end(claim))
        }

        static let kinds = ["part", "old_part"]
        /// Who counts each part: `s` for Swift, `p` for Python.
        static let turns = ["spsp", "psps", "ssss", "sspp", "ppss", "pspp", "spps"]

        @Test func theBodyIsSentOnceWhoeverCountsWhichPart() async throws {
            let redis = try await LiveRedis(database: 2)
            let (store, peer) = (try store(redis), try ChordPeer(redis.url))
            for kind in Self.kinds {
                for turns in Self.turns {
                    _ = try await redis.call(RedisPipeline("FLUSHDB"))
                    // Either sender says how many there are.
                    if turns.hasPrefix("s") {
                        try await store.openChord("g", size: turns.count)
                    } else {
                        try peer("open_chord", ["group": "g", "size": .integer(turns.count)])
                    }
                    var sent: [JSONValue] = []
                    var python: [JSONValue] = []
                    func take(_ number: Int, _ who: Character) async throws {
                        if who == "p" {
                            python = try peer.count(part(number), as: kind)
                        } else {
                            try await count(part(number), in: store, sending: &sent)
                        }
                    }
                    // In an order that is not the header's.
                    for (number, who) in turns.enumerated().reversed() {
                        #expect((sent + python).isEmpty)
                        try await take(number, who)
                    }
                    let expected: JSONValue = [.array((0..<turns.count).map { .integer($0) })]
                    #expect(sent + python == [expected], "\(kind) \(turns)")
                    // Each part once more, as of messages that are delivered again.
                    for (number, who) in turns.enumerated() { try await take(number, who) }
                    #expect(sent + python == [expected], "\(kind) \(turns)")
                }
            }
            await store.close()
        }

        @Test(arguments: kinds) func aPartThatBothCountCountsOnce(kind: String) async throws {
            let redis = try await LiveRedis(database: 2)
            let (store, peer) = (try store(redis), try ChordPeer(redis.url))
            try await store.openChord("g", size: 2)
            var sent: [JSONValue] = []
            #expect(try peer.count(part(1), as: kind).isEmpty)
            try await count(part(1), in: store, sending: &sent)
            #expect(try peer.count(part(1), as: kind).isEmpty)
            #expect(sent.isEmpty)
            try await count(part(0), in: store, sending: &sent)
            #expect(sent == [[[0, 1]]])
            #expect(try peer.count(part(1), as: kind).isEmpty)
            await store.close()
        }

        @Test func aFailureThatPythonCountsFailsTheChordAsOneOfOurs() async throws {
            let redis = try await LiveRedis(database: 2)
            let (store, peer) = (try store(redis), try ChordPeer(redis.url))
            var failed = part(1)
            failed.state = .failure
            failed.result = "x"
            try await store.openChord("g", size: 2)
            _ = try peer.count(failed, as: "part")
            guard case .complete(let claim) = try await store.record([part(0)])[0].get() else {
                Issue.record("it is complete")
                return
            }
            let error = try await store.chordResults(claim).error
            #expect(error?.message == "Dependency t1 raised ValueError('x')")
            try await store.fail(claim)
            // And the other way round.
            failed.group = "h"
            failed.result = TaskFailure(type: "ValueError", message: "x").json
            try await store.openChord("h", size: 2)
            _ = await store.record([failed])
            var last = part(0)
            last.group = "h"
            #expect(try peer.count(last, as: "part").isEmpty)
            #expect(
                try peer("state", ["id": "body-h"]) == ["FAILURE", "Dependency t1 raised ValueError('x')"])
            await store.close()
        }

        @Test func eachReadsTheGroupsThatTheOtherHasSaved() async throws {
            let redis = try await LiveRedis(database: 2)
            let (store, peer) = (try store(redis), try ChordPeer(redis.url))
            let tree = ResultTree(
                group: "g",
                members: [
                    ResultTree(task: "a", ancestors: [ResultTree(task: "z")]),
                    ResultTree(group: "h", members: [ResultTree(task: "b"), ResultTree(task: "c")]),
                ])
            try await store.saveGroup(tree)
            #expect(try peer("restore", ["group": "g"]) == tree.json)
            try peer("save", ["group": "p", "ids": ["a", "b"]])
            let theirs = ResultTree(group: "p", members: [ResultTree(task: "a"), ResultTree(task: "b")])
            #expect(try await store.group("p") == theirs)
            // A chord whose header was saved is joined along it by either.
            try await store.openChord("g", size: 3)
            var sent: [JSONValue] = []
            for (place, id) in ["a", "b"].enumerated() {
                let part = ChordPart(group: "g", id: id, index: place, state: .success, result: .integer(place))
                try await count(part, in: store, sending: &sent)
                let result = TaskResult(id: id, state: .success, result: .integer(place))
                try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: id))])
            }
            let result = TaskResult(id: "c", state: .success, result: 2)
            try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: "c"))])
            let last = ChordPart(group: "g", id: "c", index: 2, state: .success, result: 2)
            #expect(try peer.count(last, as: "part") == [[[0, [1, 2]]]])
            #expect(sent.isEmpty)
            await store.close()
        }
    }
}
