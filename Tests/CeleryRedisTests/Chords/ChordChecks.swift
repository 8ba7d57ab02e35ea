import CeleryProtocol
import CeleryTransport
import Testing

/// What holds of every store that joins chords.
struct ChordChecks: Sendable {
    let store: any ResultStore

    static func part(_ id: String, _ index: Int?, _ result: JSONValue = nil, of group: String = "g") -> ChordPart {
        ChordPart(group: group, id: id, index: index, state: .success, result: result)
    }

    func record(_ parts: ChordPart...) async throws -> [ChordProgress] {
        try await store.record(parts).map { try $0.get() }
    }

    func claim(_ progress: ChordProgress?) throws -> ChordClaim {
        guard case .complete(let claim)? = progress else {
            throw TransportError(.rejected, "not complete: \(String(describing: progress))")
        }
        return claim
    }

    /// Completes a chord of two, some of which were added.
    func complete(added: Int = 0) async throws -> ChordClaim {
        try await store.openChord("g", size: 2 - added)
        return try claim(try await record(Self.part("a", 0, 1), Self.part("b", 1, 2)).last)
    }

    static let all: [(String, @Sendable (ChordChecks) async throws -> Void)] = [
        ("the last part gets the claim and the results in the header's order", { try await $0.order() }),
        (
            "parts before the size is known are counted, and the last one after it completes the chord",
            { try await $0.sizeLater() }
        ),
        ("a part that comes twice counts once, also with another result", { try await $0.repetition() }),
        ("while one holds the claim nobody else gets it, and after the end nobody does", { try await $0.claims() }),
        (
            "a failed member fails the chord in Celery's words, and no repetition completes it again",
            { try await $0.failure() }
        ),
        ("added members are waited for", { try await $0.growth() }),
        ("parts of several chords in one go", { try await $0.several() }),
        (
            "a nested header is joined along its tree, with results from the backend where parts are missing",
            { try await $0.nested() }
        ),
        ("a failed member of a nested header is a join error", { try await $0.nestedFailure() }),
        ("a chord that is opened again under its old id begins anew", { try await $0.again() }),
        (
            "of the copies of a body's message the first to begin is the one that runs, again and again",
            { try await $0.copies() }
        ),
        ("a chord that is completed anew has a new body", { try await $0.newBody() }),
        ("a group is kept until it is forgotten", { try await $0.group() }),
    ]

    static func run(_ name: String, in store: any ResultStore) async throws {
        try await #require(all.first { $0.0 == name }).1(ChordChecks(store: store))
    }

    private func order() async throws {
        try await store.openChord("g", size: 3)
        #expect(try await record(Self.part("c", nil, "last")) == [.waiting])
        #expect(try await record(Self.part("b", 10, ["x": 1])) == [.waiting])
        let claim = try claim(try await record(Self.part("a", 9, 2)).first)
        #expect(!claim.isRepeated)
        #expect(try await store.chordResults(claim) == .values([2, ["x": 1], "last"]))
        #expect(try await store.extend(claim, for: .seconds(20)))
        #expect(try await store.end(claim))
    }

    private func sizeLater() async throws {
        #expect(try await record(Self.part("a", 0, 1)) == [.waiting])
        try await store.openChord("g", size: 2)
        let claim = try claim(try await record(Self.part("b", 1, 2)).first)
        #expect(try await store.chordResults(claim) == .values([1, 2]))
    }

    private func repetition() async throws {
        try await store.openChord("g", size: 3)
        #expect(try await record(Self.part("a", 0, 1), Self.part("a", 0, 1)) == [.waiting, .waiting])
        #expect(try await record(Self.part("a", 0, 5)) == [.waiting])
        // A signature that was frozen once and stands in the header twice.
        #expect(try await record(Self.part("a", 1, 1)) == [.waiting])
        let claim = try claim(try await record(Self.part("b", 2, 3)).first)
        #expect(try await store.chordResults(claim) == .values([1, 1, 3]))
    }

    private func claims() async throws {
        let claim = try await complete()
        guard case .claimed(let remaining)? = try await record(Self.part("b", 1, 2)).first else {
            Issue.record("it is claimed")
            return
        }
        #expect(remaining > .seconds(3) && remaining <= .seconds(6))
        #expect(try await !store.extend(ChordClaim(group: "g", token: "other", isRepeated: true), for: .seconds(20)))
        #expect(try await !store.end(ChordClaim(group: "g", token: "other", isRepeated: true)))
        #expect(try await store.extend(claim, for: .seconds(20)))
        guard case .claimed(let longer)? = try await record(Self.part("a", 0, 1)).first else {
            Issue.record("it is claimed")
            return
        }
        #expect(longer > .seconds(15))
        #expect(try await store.end(claim))
        #expect(try await record(Self.part("b", 1, 2)) == [.alreadyEnded])
        #expect(try await !store.extend(claim, for: .seconds(20)))
        #expect(try await !store.end(claim))
    }

    private func failure() async throws {
        try await store.openChord("g", size: 3)
        let failure = TaskFailure(type: "ValueError", message: "x").json
        var parts = [Self.part("a", 0, 1), Self.part("b", 1, failure), Self.part("c", 2, failure)]
        parts[1].state = .failure
        parts[2].state = .revoked
        let progress = try await record(parts[2], parts[1], parts[0])
        #expect(progress.prefix(2) == [.waiting, .waiting])
        let claim = try claim(progress.last)
        let results = try await store.chordResults(claim)
        #expect(results == .failed(ChordMember(id: "b", state: .failure, result: failure), isNested: false))
        #expect(
            results.error
                == TaskFailure(
                    type: "ChordError", module: "celery.exceptions", message: "Dependency b raised ValueError('x')"))
        try await store.fail(claim)
        #expect(try await record(parts[0]) == [.waiting])
    }

    private func growth() async throws {
        try await store.openChord("g", size: 1)
        try await store.growChord("g", by: 1)
        #expect(try await record(Self.part("a", 0, 1)) == [.waiting])
        // It has the place of the one that has added it.
        let claim = try claim(try await record(Self.part("b", 0, 2)).first)
        #expect(try await store.chordResults(claim) == .values([1, 2]))
    }

    private func several() async throws {
        try await store.openChord("g", size: 2)
        try await store.openChord("h", size: 2)
        let progress = try await record(
            Self.part("a", 0), Self.part("c", 0, of: "h"), Self.part("b", 1), Self.part("d", 1, of: "i"))
        #expect(progress[0] == .waiting)
        #expect(progress[1] == .waiting)
        #expect(try claim(progress[2]).group == "g")
        #expect(progress[3] == .waiting)
        #expect(await store.record([]).isEmpty)
    }

    private static let tree: JSONValue = [
        ["g", nil],
        [
            [["a", nil], nil],
            [["h", nil], [[["b", nil], nil], [["i", nil], [[["c", ["x", nil]], nil]]]]],
            [["d", [["j", nil], []]], nil],
        ],
    ]

    private func nested() async throws {
        try await store.saveGroup(ResultTree(Self.tree))
        try await store.openChord("g", size: 3)
        let late = StoredResult(
            TaskResult(id: "d", state: .success, result: "late"), route: ReplyRoute(replyTo: nil, correlationID: "d"))
        try await store.store([late])
        let claim = try claim(
            try await record(Self.part("c", 2, 3), Self.part("b", 1, 2), Self.part("a", 0, 1)).last)
        #expect(try await store.chordResults(claim) == .values([1, [2, [3]], "late"]))
    }

    private func nestedFailure() async throws {
        try await store.saveGroup(ResultTree(Self.tree))
        try await store.openChord("g", size: 4)
        var failed = Self.part("b", 1, TaskFailure(type: "ValueError", message: "x").json)
        failed.state = .failure
        let claim = try claim(
            try await record(Self.part("d", 3, 4), Self.part("c", 2, 3), failed, Self.part("a", 0, 1)).last)
        #expect(try await store.chordResults(claim).error?.message == "Join error: ValueError('x')")
    }

    private func again() async throws {
        let claim = try await complete()
        #expect(try await store.end(claim))
        try await store.openChord("g", size: 2)
        #expect(try await record(Self.part("a", 0, 3)) == [.waiting])
        let next = try self.claim(try await record(Self.part("b", 1, 4)).first)
        #expect(try await store.chordResults(next) == .values([3, 4]))
    }

    private func copies() async throws {
        let claim = try await complete()
        func begins(_ token: String, _ place: Int = 0) async throws -> Bool {
            try await store.begins(ChordBodyCopy(group: "g", token: token, place: place))
        }
        #expect(try await begins(claim.token))
        #expect(try await !begins("heir"))
        #expect(try await store.end(claim))
        #expect(try await !begins("heir"))
        #expect(try await begins(claim.token))
        // Whoever sent it first has sent only the first of its messages, or they come later.
        #expect(try await begins("heir", 1))
        #expect(try await !begins(claim.token, 1))
    }

    private func newBody() async throws {
        let old = try await complete()
        #expect(try await store.begins(ChordBodyCopy(group: "g", token: old.token, place: 0)))
        #expect(try await store.end(old))
        let new = try await complete()
        #expect(try await store.begins(ChordBodyCopy(group: "g", token: new.token, place: 0)))
        #expect(try await !store.begins(ChordBodyCopy(group: "g", token: old.token, place: 0)))
    }

    private func group() async throws {
        #expect(try await store.group("g") == nil)
        let tree = try ResultTree(Self.tree)
        try await store.saveGroup(tree)
        #expect(try await store.group("g") == tree)
        try await store.forgetGroup("g")
        #expect(try await store.group("g") == nil)
    }
}
