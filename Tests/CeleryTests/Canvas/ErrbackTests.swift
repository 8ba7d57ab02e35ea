import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// Errbacks that are told within the worker.
@Suite(.timeLimit(.minutes(1))) struct ErrbackTests {
    typealias T = CanvasTasks

    @Test func anErrbackOfTheWorkerGetsTheFailureItself() async throws {
        let told = Notes<String>()
        try await withCanvasBench {
            ErrbackHandler("failed") { context, failure in told.add("\(context.id): \(failure)") }
            ErrbackHandler("labelled") { context, failure, args, kwargs in
                told.add("\(context.id): \(args.compactMap(\.stringValue)) \(kwargs.count)")
            }
        } _: { bench async throws in
            var task = T.call("fail", id: "bad")
            try task.linkError(T.call("failed"))
            try task.linkError(CanvasNode(task: "labelled", args: ["x"], kwargs: ["y": 1]))
            try task.linkError(T.call("echo", id: "sent"))
            try await bench.send(task)
            #expect(try await told.next() == "bad: ValueError('boom')")
            #expect(try await told.next() == #"bad: ["x"] 1"#)
            #expect(try await bench.client.handle(id: "sent").value() == ["bad"])
        }
    }

    @Test func theErrbackOfABodyIsToldOfTheBody() async throws {
        let told = Notes<String>()
        try await withCanvasBench {
            ErrbackHandler("failed") { context, failure in told.add("\(context.id): \(failure.type)") }
        } _: { bench async throws in
            var body = T.call("sum", id: "body")
            try body.linkError(T.call("failed"))
            try await bench.send(.chord([T.call("fail"), T.add(1)], body))
            #expect(try await told.next() == "body: ChordError")
        }
    }

    /// Celery links the errback of a chord to the bodies of chords in its header too.
    @Test(arguments: [true, false]) func theErrbackOfChordsInOneAnotherIsToldOnceWhoeverEndsLast(innerIsFirst: Bool)
        async throws
    {
        let told = Locked<[String]>([])
        try await withCanvasBench(options: .init(concurrency: 1)) {
            ErrbackHandler("failed") { context, failure in told.withLock { $0.append("\(context.id): \(failure.type)") }
            }
        } _: { bench async throws in
            let inner = CanvasNode.chord([T.call("fail"), T.add(1)], T.call("sum", id: "inner"))
            var outer = CanvasNode.chord(
                innerIsFirst ? [inner, T.add(1)] : [T.add(1), inner], T.call("echo", id: "outer"))
            try outer.linkError(T.call("failed"))
            try await bench.send(outer)
            #expect(try await bench.failure(of: "outer")?.hasPrefix("ChordError(") == true)
            #expect(try await bench.failure(of: "inner")?.hasPrefix("ChordError(") == true)
            #expect(told.withLock { $0 } == ["outer: ChordError"])
        }
    }

    @Test func anErrbackThatFailsChangesNothingElse() async throws {
        try await withCanvasBench {
            ErrbackHandler("failed") { _, _ in throw TaskFailure(type: "KeyError", message: "x") }
        } _: { bench async throws in
            var task = T.call("fail", id: "bad")
            try task.linkError(T.call("failed"))
            try task.linkError(T.call("echo", id: "sent"))
            try await bench.send(task)
            #expect(try await bench.failure(of: "bad") == "ValueError('boom')")
            #expect(try await bench.client.handle(id: "sent").value() == ["bad"])
        }
    }

    @Test func asATaskItFailsAsInPython() async throws {
        try await withCanvasBench {
            ErrbackHandler("orders.failed") { _, _ in }
        } _: { bench async throws in
            try await bench.send(T.call("orders.failed", "an-id", id: "me"))
            #expect(try await bench.failure(of: "me")?.hasPrefix(#"TypeError("failed() missing 2"#) == true)
        }
    }
}
