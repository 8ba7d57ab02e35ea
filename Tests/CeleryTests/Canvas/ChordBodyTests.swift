import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// The body of a chord that was sent twice, because a worker died between sending it and saying so.
@Suite(.timeLimit(.minutes(1))) struct ChordBodyTests {
    private static func body(_ token: String, place: Int = 0, isRedelivered: Bool = false) -> Envelope {
        var headers: JSONObject = ["task": "note", "id": "body", "group": "header"]
        ChordBodyCopy(group: "header", token: token, place: place).write(to: &headers)
        if isRedelivered { headers["redelivered"] = true }
        return Envelope(headers: headers, body: [[.string(token)], [:], [:]])
    }

    /// Runs messages one after the other; which of them have run.
    private func runs(
        _ messages: [Envelope], acksLate: Bool, backend: any ResultBackend = MemoryResultBackend()
    ) async throws -> [String] {
        let runs = Locked<[String]>([])
        try await withCanvasBench(backend: backend, options: .init(concurrency: 1, acksLate: acksLate)) {
            TaskHandler(named: "note") { _, args, _ in
                runs.withLock { $0.append(args[0].stringValue ?? "") }
                return nil
            }
        } _: { bench async throws in
            for message in messages {
                #expect(try await bench.settlement(of: message.bytes) == .acknowledge)
            }
        }
        return runs.withLock { $0 }
    }

    @Test(arguments: [true, false]) func theCopyThatComesFirstRuns(acksLate: Bool) async throws {
        let messages = [Self.body("first"), Self.body("heir"), Self.body("heir", place: 1)]
        #expect(try await runs(messages, acksLate: acksLate) == ["first", "heir"])
    }

    @Test func theCopyThatRunsRunsAgainWhenItComesAgain() async throws {
        let messages = [Self.body("first"), Self.body("first", isRedelivered: true), Self.body("heir")]
        #expect(try await runs(messages, acksLate: true) == ["first", "first"])
    }

    @Test func aBodyRunsWhereTheBackendCannotTell() async throws {
        let refusing = ScriptedChords([.success(.waiting)], refusesBodies: true)
        #expect(try await runs([Self.body("first")], acksLate: true, backend: refusing) == ["first"])
    }

    @Test(arguments: [nil, "text", [:], ["group": 1, "token": "a", "place": 0]] as [JSONValue])
    func whatIsNoMarkIsNone(mark: JSONValue) {
        #expect(ChordBodyCopy(["swift_chord_body": mark]) == nil)
    }

    @Test func theMarkIsReadAsItIsWritten() {
        let copy = ChordBodyCopy(group: "header", token: "token", place: 3)
        var headers: JSONObject = [:]
        copy.write(to: &headers)
        #expect(ChordBodyCopy(headers) == copy)
        #expect(ChordBodyCopy([:]) == nil)
    }

    /// All that a chord's body is made of, when a worker completes the chord twice.
    @Test(arguments: [
        CanvasTasks.call("echo", id: "body"),
        .group([CanvasTasks.call("echo", id: "body-1"), CanvasTasks.call("echo", id: "body-2")]),
        .chord(
            [CanvasTasks.call("echo", id: "inner-1"), CanvasTasks.call("echo", id: "inner-2")], CanvasTasks.call("echo")
        ),
    ])
    func everyMessageOfABodyIsMarked(body: CanvasNode) throws {
        let claims = ["first", "heir"].map { ChordClaim(group: "header", token: $0, isRepeated: false) }
        let copies = try claims.map { claim in
            try CanvasSuccession.expanded(chordBody: try body.json, results: [1], in: CanvasContext(parentID: "last"))
                .marked(as: claim).tasks.map { ChordBodyCopy($0.request.headers) }
        }
        #expect(copies[0].allSatisfy { $0?.group == "header" && $0?.token == "first" })
        #expect(copies[1].map { $0?.token } == Array(repeating: "heir", count: copies[0].count))
        #expect(copies[0].map { $0?.place } == copies[1].map { $0?.place })
        #expect(Set(copies[0].map { $0?.place }).count == copies[0].count)
    }
}
