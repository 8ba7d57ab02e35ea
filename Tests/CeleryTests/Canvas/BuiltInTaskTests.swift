import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// Celery's own tasks.
@Suite(.timeLimit(.minutes(1))) struct BuiltInTaskTests {
    typealias T = CanvasTasks

    @Test func aMapCallsTheHandlerWithEachItem() async throws {
        try await withCanvasBench { bench async throws in
            #expect(try await bench.run(try .map(T.call("sum"), over: [[1, 2], [3]])) == [3, 3])
            #expect(try await bench.run(try .starmap(T.call("add"), over: [[1, 2], [3]])) == [3, 3])
        }
    }

    @Test func chunksAreAGroupOfStarmaps() async throws {
        try await withCanvasBench { bench async throws in
            let chunks = try CanvasNode.chunks(T.call("add"), over: [[1], [2], [3]], of: 2)
            let canvas = CanvasNode.chord([T.add(1)], T.call("echo"))
            #expect(try await bench.run(canvas) == [[1]])
            let sent = try await bench.send(chunks)
            var values: [JSONValue] = []
            for member in sent.members ?? [] { values.append(try await bench.client.handle(id: member.id).value()) }
            #expect(values == [[1, 2], [3]])
            // After another task it is the worker that sends them.
            let tree = try ResultTree(try await bench.run(try T.add(1).then(chunks)))
            #expect(tree.members?.count == 2)
        }
    }

    @Test(
        arguments: [
            (["index": 0] as JSONObject, [5, 6], 5), (["index": -1], [5, 6], 6), ([:], [5, 6], [5, 6]),
        ] as [(JSONObject, [JSONValue], JSONValue)])
    func accumulateGivesItsArguments(kwargs: JSONObject, args: [JSONValue], expected: JSONValue) async throws {
        try await withCanvasBench { bench async throws in
            let node = CanvasNode(task: "celery.accumulate", args: args, kwargs: kwargs)
            #expect(try await bench.run(node) == expected)
        }
    }

    @Test(
        arguments: [
            ("celery.accumulate", ["index": 3] as JSONObject, "IndexError('tuple index out of range')"),
            ("celery.chain", [:], "NotImplementedError('chain is not a real task')"),
            ("celery.map", [:], #"TypeError("xmap() missing 2 required positional arguments: 'task' and 'it'")"#),
            (
                "celery.map", ["task": ["task": "nobody.knows"], "it": [1]], "NotRegistered('nobody.knows')"
            ),
        ] as [(String, JSONObject, String)])
    func whatCannotBeDoneFailsAsInPython(task: String, kwargs: JSONObject, failure: String) async throws {
        try await withCanvasBench { bench async throws in
            try await bench.send(CanvasNode(task: task, kwargs: kwargs, options: ["task_id": "me"]))
            #expect(try await bench.failure(of: "me") == failure)
        }
    }

    @Test func theTasksOfOldSendersAreExpanded() async throws {
        try await withCanvasBench { bench async throws in
            let body = T.call("sum", id: "body")
            let chord = CanvasNode(
                task: "celery.chord",
                kwargs: ["header": [try T.add(1).json, try T.add(2).json], "body": try body.json])
            _ = try await bench.run(chord)
            #expect(try await bench.client.handle(id: "body").value() == 3)
            let result: JSONValue = [["the-group", nil], [[["a", nil], nil], [["b", nil], nil]]]
            let group = CanvasNode(
                task: "celery.group",
                kwargs: [
                    "tasks": [try T.call("ids", id: "a").json, try T.call("ids", id: "b").json], "result": result,
                    "group_id": "the-group", "partial_args": [7],
                ])
            #expect(try await bench.run(group) == result)
            let ids = try #require(try await bench.client.handle(id: "a").value().arrayValue)
            #expect(ids[2] == "the-group")
            #expect(ids[4] == [7])
        }
    }

    @Test func theirNamesAreReserved() throws {
        let error = #expect(throws: CeleryError.self) {
            try CeleryWorker(broker: .memory) { TaskHandler(named: "celery.map") { _, _, _ in 1 } }
        }
        #expect(error?.code == .duplicateTask)
    }

    // MARK: Chords that nobody counts

    /// Results in memory, without a count of the parts of chords.
    struct PollingBackend: ResultBackend {
        let backend = FailingBackend(takes: { _ in })

        var location: String { "polling://" }

        func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
            try backend.makeResultStore(context: context)
        }
    }

    @Test func aTaskLooksAfterAChordThatNobodyCounts() async throws {
        try await withCanvasBench(backend: PollingBackend()) { bench async throws in
            let nested = try T.add(1).then(.group([T.add(1), T.add(2)]))
            #expect(try await bench.run(.chord([nested, T.add(5)], T.call("echo"))) == [[[2, 3], 5]])
        }
    }

    @Test func itFailsTheBodyOfAChordThatHasFailed() async throws {
        try await withCanvasBench(backend: PollingBackend()) { bench async throws in
            try await bench.send(.chord([T.call("fail", id: "bad"), T.add(5)], T.call("echo", id: "body")))
            #expect(
                try await bench.failure(of: "body") == #"ChordError("Dependency bad raised ValueError('boom')")"#)
        }
    }

    /// It comes again as a retry, however often, and sends the body once.
    @Test func itLooksAgainUntilAllHaveEnded() async throws {
        let runs = Counter()
        try await withCanvasBench {
            TaskHandler(named: "body") { _, args, _ in
                runs.next()
                return args[0]
            }
        } _: { bench async throws in
            let node = CanvasNode(
                task: "celery.chord_unlock", args: ["the-group", try T.call("body", id: "body").json],
                kwargs: ["result": [[["first", nil], nil], [["second", nil], nil]], "interval": 0.01])
            try await bench.send(node)
            // Each time its message is acknowledged.
            _ = try await bench.broker.settlements.next(3)
            try await bench.send(T.add(1, id: "first"))
            #expect(try await bench.client.handle(id: "first").value() == 1)
            _ = try await bench.broker.settlements.next(3)
            #expect(runs.total == 0)
            try await bench.send(T.add(2, id: "second"))
            #expect(try await bench.client.handle(id: "body").value() == [1, 2])
        }
        #expect(runs.total == 1)
    }

    @Test func itGivesUpWhenItIsToldSo() async throws {
        try await withCanvasBench { bench async throws in
            let node = CanvasNode(
                task: "celery.chord_unlock", args: ["the-group", try T.call("echo", id: "body").json],
                kwargs: ["result": [[["never", nil], nil]], "max_retries": 1, "interval": 0.01])
            try await bench.send(node)
            #expect(try await bench.failure(of: "body")?.contains("chord_unlock could not be retried") == true)
        }
    }
}
