import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// Tasks that have a canvas take their place, or that add to their chord.
@Suite(.timeLimit(.minutes(1))) struct ReplaceTests {
    typealias T = CanvasTasks

    /// Runs a canvas on a worker whose task `replaced` is replaced by `replacement`.
    private func run(
        _ canvas: CanvasNode, replacing replacement: CanvasNode, options: CeleryWorker.Options = .init(concurrency: 2)
    ) async throws -> JSONValue {
        try await withCanvasBench(options: options) {
            TaskHandler(named: "replaced") { context, _, _ in try context.replace(with: replacement) }
        } _: { bench async throws in
            try await bench.run(canvas)
        }
    }

    @Test(arguments: [false, true]) func theResultOfAReplacedTaskIsThatOfItsReplacement(acksLate: Bool) async throws {
        let options = CeleryWorker.Options(concurrency: 1, acksLate: acksLate)
        #expect(try await run(T.call("replaced"), replacing: T.add(1, 2), options: options) == 3)
    }

    @Test func whatWasToFollowFollowsTheReplacement() async throws {
        let canvas = try T.call("replaced").then(T.add(10)).then(T.add(100))
        #expect(try await run(canvas, replacing: try T.add(1).then(T.add(2))) == 113)
    }

    @Test func aGroupAsAReplacementGivesTheListOfItsResults() async throws {
        let group = CanvasNode.group([T.add(1), T.add(2)])
        #expect(try await run(T.call("replaced"), replacing: group) == [1, 2])
        let canvas = try T.call("replaced").then(T.call("sum"))
        #expect(try await run(canvas, replacing: try T.add(1).then(group)) == 5)
    }

    @Test func aReplacedMemberIsOnePartOfItsChord() async throws {
        let chord = CanvasNode.chord([T.call("replaced"), T.add(5)], T.call("sum"))
        #expect(try await run(chord, replacing: try T.add(1).then(T.add(2))) == 8)
        #expect(try await run(chord, replacing: .chord([T.add(1), T.add(2)], T.call("sum"))) == 8)
    }

    @Test func theNestingIsCountedAndTheIdStays() async throws {
        try await withCanvasBench {
            TaskHandler(named: "nested") { context, args, _ in
                let nestings = args + [.integer(context.request.replacedTaskNesting)]
                if nestings.count == 4 { return .array(nestings) }
                try context.replace(with: CanvasNode(task: "nested", args: nestings))
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "nested", options: .init(id: "me"))
            #expect(try await task.value() == [0, 1, 2, 3])
            #expect(task.id == "me")
            #expect(try await task.result()?.parentID == "me")
        }
    }

    @Test func aChainWithoutTasksReplacesNothing() async throws {
        try await withCanvasBench {
            TaskHandler(named: "replaced") { context, _, _ in try context.replace(with: CanvasNode(.chain([]))) }
        } _: { bench async throws in
            try await bench.send(T.call("replaced", id: "me"))
            #expect(
                try await bench.failure(of: "me") == "ImproperlyConfigured('Cannot replace with an empty chain')")
        }
    }

    @Test func aReplacementThatCannotBeSentIsAFailure() async throws {
        var broker = RecordingBroker()
        broker.takes = { message in
            if message.headers["task"] == "add" { throw TransportError(.rejected, "the queue is full") }
        }
        try await withCanvasBench(broker: broker) {
            TaskHandler(named: "replaced") { context, _, _ in try context.replace(with: T.add(1)) }
        } _: { bench async throws in
            try await bench.send(T.call("replaced", id: "me"))
            #expect(try await bench.failure(of: "me")?.hasPrefix("OperationalError(") == true)
        }
    }

    // MARK: Chords that grow

    @Test func aTaskMayAddToItsChord() async throws {
        try await withCanvasBench {
            TaskHandler(named: "adding") { context, _, _ in
                for number in [1, 2] { try await context.addToChord(T.add(number)) }
                return 0
            }
        } _: { bench async throws in
            #expect(try await bench.run(.chord([T.call("adding"), T.add(10)], T.call("sum"))) == 13)
        }
    }

    /// With Celery's `add_to_chord` its header never completes.
    @Test func aGroupThatIsAddedToAChordIsOneMemberWithAListOfResults() async throws {
        try await withCanvasBench {
            TaskHandler(named: "adding") { context, _, _ in
                try await context.addToChord(.group([T.add(1), T.add(2)]))
                try await context.addToChord(try T.add(3).then(.group([T.add(4), T.add(5)])))
                return 0
            }
        } _: { bench async throws in
            let members = try await bench.run(.chord([T.call("adding"), T.add(10)], T.call("echo")))
            let texts = members.arrayValue?.first?.arrayValue?.map { "\($0)" }.sorted()
            #expect(texts == (["0", "10", "[1, 2]", "[7, 8]"]).sorted())
        }
    }

    @Test func aTaskOutsideOfChordsCannotAddToOne() async throws {
        try await withCanvasBench {
            TaskHandler(named: "adding") { context, _, _ in
                try await context.addToChord(T.add(1))
                return 0
            }
        } _: { bench async throws in
            try await bench.send(T.call("adding", id: "me"))
            #expect(
                try await bench.failure(of: "me") == "ValueError('Current task is not member of any chord')")
        }
    }

    @Test func aCanvasThatATaskSendsIsItsChild() async throws {
        try await withCanvasBench {
            TaskHandler(named: "sending") { context, _, _ in
                let group = CanvasNode.group([T.add(1, id: "a"), T.call("ids", id: "b")])
                return try await context.enqueue(group)?.json ?? .null
            }
        } _: { bench async throws in
            let tree = try await bench.run(T.call("sending", id: "me"))
            #expect(try await bench.client.handle(id: "me").result()?.children == [tree])
            let ids = try #require(try await bench.client.handle(id: "b").value().arrayValue)
            #expect(ids[0] == "me")
            #expect(ids[1] == "me")
        }
    }
}
