import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// Chords whose headers and bodies run in a worker.
@Suite(.timeLimit(.minutes(1))) struct ChordTests {
    typealias T = CanvasTasks

    @Test func theBodyGetsTheResultsInTheOrderOfTheHeader() async throws {
        try await withCanvasBench { bench async throws in
            let header = (0..<50).map { T.add($0) }
            #expect(try await bench.run(.chord(header, T.call("echo"))) == [.array((0..<50).map { .integer($0) })])
        }
    }

    @Test func aChordOfManyRunsToItsEnd() async throws {
        try await withCanvasBench(options: .init(concurrency: 8)) { bench async throws in
            let header = (0..<2000).map { T.add($0) }
            #expect(try await bench.run(.chord(header, T.call("sum"))) == 1_999_000)
        }
    }

    @Test func aChordWithinAChainPassesItsResultOn() async throws {
        try await withCanvasBench { bench async throws in
            let canvas = try T.add(1, 1, id: "first").then(.group([T.add(2), T.add(3)])).then(T.call("sum"))
                .then(T.add(5))
            #expect(try await bench.run(canvas) == 14)
            // The header's tasks are the children of the task before.
            let children = try await bench.client.handle(id: "first").result()?.children
            let tree = try ResultTree(#require(children?.arrayValue?.first))
            #expect(tree.members?.count == 2)
        }
    }

    @Test func theBodyHasTheRootAndTheLastHeaderTaskAsItsParent() async throws {
        try await withCanvasBench(options: .init(concurrency: 1)) { bench async throws in
            let chord = CanvasNode.chord([T.call("ids", id: "a"), T.call("ids", id: "b")], T.call("ids"))
            let ids = try #require(try await bench.run(try T.add(1, id: "first").then(chord)).arrayValue)
            #expect(ids[0] == "first")
            #expect(ids[1] == "b")
            let members = try #require(ids[4].arrayValue?.first?.arrayValue)
            #expect(members.map { $0.arrayValue?[0] } == ["first", "first"])
            #expect(members.map { $0.arrayValue?[1] } == ["first", "first"])
            #expect(members.map { $0.arrayValue?[3] } == [0, 1])
        }
    }

    @Test func nestedHeadersKeepTheirShape() async throws {
        try await withCanvasBench { bench async throws in
            let inner = try T.add(1).then(.group([T.add(1), T.add(2)]))
            let canvas = CanvasNode.chord([inner, T.add(10)], T.call("echo"))
            #expect(try await bench.run(canvas) == [[[2, 3], 10]])
        }
    }

    @Test func aChordMayBeAPartOfAHeader() async throws {
        try await withCanvasBench { bench async throws in
            let inner = CanvasNode.chord([T.add(1), T.add(2)], T.call("sum"))
            #expect(try await bench.run(.chord([inner, T.add(10)], T.call("sum"))) == 13)
        }
    }

    @Test func aHeaderWithoutTasksSendsTheBodyAtOnce() async throws {
        try await withCanvasBench { bench async throws in
            #expect(try await bench.run(.chord([], T.call("echo"))) == [[]])
        }
    }

    @Test func aMemberThatIsTriedAgainOrWhoseResultNobodyWantsCountsOnce() async throws {
        try await withCanvasBench { bench async throws in
            #expect(try await bench.run(.chord([T.call("flaky", 3), T.call("quiet", 4)], T.call("sum"))) == 7)
        }
    }

    // MARK: Failures

    @Test func aFailedMemberFailsTheBodyInCelerysWords() async throws {
        try await withCanvasBench { bench async throws in
            var body = T.call("sum", id: "body")
            body.options["link_error"] = try T.call("echo", id: "told").json
            let chord = CanvasNode.chord([T.add(1), CanvasNode(task: "fail", options: ["task_id": "bad"])], body)
            try await bench.send(try T.add(1).then(chord).then(T.add(1, id: "next")))
            let expected = #"ChordError("Dependency bad raised ValueError('boom')")"#
            #expect(try await bench.failure(of: "body") == expected)
            #expect(try await bench.failure(of: "next") == expected)
            // The body's errback gets the body's id, and is a child of the body.
            #expect(try await bench.client.handle(id: "told").value() == ["body"])
            let children = try await bench.client.handle(id: "body").result()?.children
            let tree = try ResultTree(#require(children?.arrayValue?.first))
            #expect(tree.members?.map(\.id) == ["told"])
        }
    }

    /// As Celery stores it: for a body that never runs there is no request to take them from.
    @Test func theFailureOfABodyIsStoredWithoutItsGroupAndItsParent() async throws {
        try await withCanvasBench { bench async throws in
            let body = try T.call("sum", id: "body").then(T.add(1, id: "next"))
            try await bench.send(.chord([T.add(1), T.call("fail", id: "bad")], body))
            for id in ["body", "next"] {
                #expect(try await bench.failure(of: id)?.hasPrefix("ChordError(") == true)
                let result = try #require(try await bench.client.handle(id: id).result())
                #expect(result.groupID == nil && result.parentID == nil)
            }
        }
    }

    @Test func allOfAChainThatWasToBeTheBodyFails() async throws {
        try await withCanvasBench { bench async throws in
            let body = try T.call("sum", id: "body").then(T.add(1, id: "next"))
            try await bench.send(.chord([T.add(1), T.call("fail", id: "bad")], body))
            for id in ["body", "next"] {
                #expect(try await bench.failure(of: id)?.hasPrefix("ChordError(") == true)
            }
        }
    }

    @Test func aGroupThatWasToBeTheBodyFailsWithTheFailureItself() async throws {
        try await withCanvasBench { bench async throws in
            var second = T.add(2, id: "b")
            second.options["link_error"] = try T.call("echo", id: "told").json
            try await bench.send(.chord([T.call("fail", id: "bad")], .group([T.add(1, id: "a"), second])))
            #expect(try await bench.failure(of: "a") == "ValueError('boom')")
            #expect(try await bench.failure(of: "b") == "ValueError('boom')")
            #expect(try await bench.client.handle(id: "told").value() == ["b"])
        }
    }

    @Test func aChordThatWasToBeTheBodyFailsInItsBody() async throws {
        try await withCanvasBench { bench async throws in
            let inner = CanvasNode.chord([T.add(1), T.add(2)], T.call("sum", id: "inner"))
            try await bench.send(.chord([T.call("fail", id: "bad"), T.add(1)], inner))
            #expect(try await bench.failure(of: "inner")?.hasPrefix("ChordError(") == true)
        }
    }

    /// Celery leaves the outer chord waiting.
    @Test func theFailureOfAnInnerChordReachesTheOuterOne() async throws {
        try await withCanvasBench { bench async throws in
            let inner = CanvasNode.chord([T.call("fail", id: "bad"), T.add(2)], T.call("sum", id: "inner"))
            let result = try await bench.send(.chord([inner, T.add(10)], T.call("sum", id: "outer")))
            #expect(result.id == "outer")
            #expect(try await bench.failure(of: "inner")?.hasPrefix("ChordError(") == true)
            #expect(try await bench.failure(of: "outer")?.contains("Dependency inner raised ChordError(") == true)
        }
    }

    @Test func aChainThatFailsAtItsBeginningEndsItsChord() async throws {
        try await withCanvasBench { bench async throws in
            let chain = try T.call("fail", id: "bad").then(T.add(1, id: "last"))
            try await bench.send(.chord([chain, T.add(10)], T.call("sum", id: "body")))
            #expect(
                try await bench.failure(of: "body")
                    == #"ChordError("Dependency last raised ValueError('boom')")"#)
        }
    }

    /// Celery counts one part where there are two, and waits for ever.
    @Test func aGroupThatWillNeverRunEndsItsChord() async throws {
        try await withCanvasBench { bench async throws in
            let chain = try T.call("fail").then(.group([T.add(1, id: "a"), T.add(2, id: "b")]))
            try await bench.send(.chord([chain, T.add(10)], T.call("sum", id: "body")))
            #expect(try await bench.failure(of: "a") == "ValueError('boom')")
            #expect(try await bench.failure(of: "b") == "ValueError('boom')")
            #expect(try await bench.failure(of: "body") == #"ChordError("Join error: ValueError('boom')")"#)
        }
    }

    // MARK: Members that never run

    /// What may become of a member before its handler runs.
    enum Loss: CaseIterable, Sendable {
        case expired, unregistered, unknownType, brokenHeader, invalidSequel
    }

    @Test(arguments: Loss.allCases) func aMemberThatNeverRunsEndsItsChord(loss: Loss) async throws {
        try await withCanvasBench(options: .init(concurrency: 1)) { bench async throws in
            let body = T.call("sum", id: "body")
            let store = try #require(bench.client.results)
            try await store.openChord("header", size: 1)
            var headers: JSONObject = ["task": "add", "id": "bad", "group": "header", "group_index": 0]
            var args: JSONValue = []
            var embed: JSONObject = ["chord": try body.json]
            switch loss {
            case .expired: headers["expires"] = "2020-01-01T00:00:00+00:00"
            case .unregistered: headers["task"] = "nobody.knows"
            case .unknownType: args = [["__type__": "set", "__value__": []]]
            case .brokenHeader: headers["eta"] = "tomorrow"
            case .invalidSequel: embed["callbacks"] = [5]
            }
            let envelope = Envelope(headers: headers, body: [args, [:], .object(embed)])
            bench.broker.memory.push(envelope.bytes, to: "celery")
            let failure = try await bench.failure(of: "body")
            #expect(failure?.contains("Dependency bad raised ") == true)
            switch loss {
            case .expired: #expect(failure?.contains("TaskRevokedError('expired')") == true)
            case .unregistered: #expect(failure?.contains("Task of kind 'nobody.knows' never registered") == true)
            default: #expect(failure?.contains("InvalidTaskError(") == true)
            }
        }
    }

    /// Celery says nothing of the rest of a chain, and its chord waits for ever.
    @Test func aChainThatExpiresEndsItsChord() async throws {
        try await withCanvasBench { bench async throws in
            var first = T.add(1)
            first.options["expires"] = "2020-01-01T00:00:00+00:00"
            let chain = try first.then(T.add(1, id: "last"))
            try await bench.send(.chord([chain, T.add(10)], T.call("sum", id: "body")))
            #expect(try await bench.failure(of: "last") == "TaskRevokedError('expired')")
            #expect(
                try await bench.failure(of: "body")
                    == #"ChordError("Dependency last raised TaskRevokedError('expired')")"#)
        }
    }

    // MARK: Small chords

    @Test func groupsOfOneTaskRun() async throws {
        try await withCanvasBench { bench async throws in
            let one = CanvasNode.group([T.add(1)])
            #expect(try await bench.run(.chord([T.add(1)], T.call("echo"))) == [[1]])
            #expect(try await bench.run(try one.then(T.call("echo"))) == [[1]])
            // After a task a group of one is that one.
            #expect(try await bench.run(try T.add(1).then(one).then(T.call("echo"))) == [2])
            let inner = CanvasNode.chord([T.add(1)], T.call("sum"))
            #expect(try await bench.run(try T.add(1).then(.chord([inner], T.call("echo")))) == [[2]])
        }
    }

    // MARK: Large chords

    /// What follows a body is told of it too, though the body's message is too large to be read as a whole.
    @Test(arguments: [(2000, Int.max, "more than the 2000 that"), (.max, 20_000, "more than the 20000 bytes of")])
    func aBodyThatIsTooLargeEndsItsChord(size: Int, memory: Int, reason: String) async throws {
        let options = CeleryWorker.Options(concurrency: 2, maximumBodySize: size, maximumBodyMemory: memory)
        try await withCanvasBench(options: options) { bench async throws in
            var body = T.call("echo", id: "body")
            body.options["link_error"] = try T.call("echo", id: "told").json
            let canvas = try CanvasNode.chord((0..<1000).map { T.add($0) }, body).then(T.add(1, id: "next"))
            try await bench.send(canvas)
            for id in ["next", "body"] {
                let failure = try await bench.failure(of: id)
                #expect(failure?.hasPrefix("InvalidTaskError(") == true)
                #expect(failure?.contains(reason) == true, "\(failure ?? "")")
            }
            #expect(try await bench.client.handle(id: "told").value() == ["body"])
        }
    }

    @Test func nothingOfAHeaderIsSentIfOneOfItsTasksCannotBe() async throws {
        try await withCanvasBench(options: .init(concurrency: 1)) { bench async throws in
            var header = (0..<600).map { T.add($0, id: "part-\($0)") }
            header[599].options["serializer"] = "pickle"
            await #expect(throws: MessageError.self) { try await bench.send(.chord(header, T.call("sum"))) }
            // The worker would have run them before.
            #expect(try await bench.run(T.add(1, 2)) == 3)
            #expect(try await bench.client.handle(id: "part-0").result() == nil)
        }
    }
}
