import Celery
import CeleryProtocol
import CeleryTransport
import Foundation
import ServiceLifecycle
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    struct Flaky: Error, CustomStringConvertible { var description: String { "not yet" } }

    /// The states that a caller sees of a task that is tried with these arguments.
    func states(of task: TaskHandle<JSONValue>) async throws -> [TaskResult] {
        var results: [TaskResult] = []
        for try await result in try await task.updates() { results.append(result) }
        return results
    }

    @Test func aTaskIsTriedAgainUntilItSucceeds() async throws {
        try await withBench {
            TaskHandler(named: "tasks.flaky") { context, _, _ in
                guard context.retries == 2 else { throw Retry(after: .zero, because: Flaky()) }
                return .integer(context.retries)
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.flaky").value() == 2)
        }
    }

    @Test func theStateRetryHoldsTheReason() async throws {
        let gate = Gate()
        try await withBench {
            TaskHandler(named: "tasks.flaky") { context, _, _ in
                if context.retries == 0 {
                    try await gate.pass()
                    throw Retry(after: .milliseconds(50), because: Flaky())
                }
                return 1
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.flaky")
            let updates = try await task.updates()
            gate.open()
            var results: [TaskResult] = []
            for try await result in updates { results.append(result) }
            #expect(results.map(\.state) == [.retry, .success])
            #expect(results.first?.failure?.type == "RetryTests.Flaky")
            #expect(results.first?.failure?.arguments == ["not yet"])
            #expect(results.first?.dateDone == nil)
            #expect(results.first?.traceback?.contains("not yet") == true)
        }
    }

    @Test func withoutAReasonTheRetryIsNull() async throws {
        try await withBench {
            TaskHandler(named: "tasks.flaky") { _, _, _ in throw Retry(after: .seconds(3600)) }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.flaky")
            for try await result in try await task.updates() {
                #expect(result.state == .retry)
                #expect(result.result == .null)
                // As Celery has it: the next try is a child, and there is a traceback all the same.
                #expect(result.children == [[[.string(task.id), nil], nil]])
                #expect(result.traceback?.hasSuffix("Retry: Retry in 3600s\n") == true)
                break
            }
        }
    }

    @Test func whenNoTriesAreLeftTheReasonIsTheFailure() async throws {
        try await withBench {
            TaskHandler(named: "tasks.flaky", retry: .manual(maxRetries: 2, backoff: .constant(.zero))) { _, _, _ in
                throw Retry(because: Flaky())
            }
        } _: { bench async throws in
            let failure = await #expect(throws: TaskFailure.self) {
                try await bench.client.enqueue(named: "tasks.flaky").value()
            }
            #expect(failure?.type == "RetryTests.Flaky")
        }
    }

    @Test func whenNoTriesAreLeftWithoutAReasonTheFailureIsCelerys() async throws {
        let runs = Counter()
        try await withBench {
            TaskHandler(named: "tasks.flaky", retry: .manual(backoff: .constant(.zero))) { _, _, _ in
                runs.next()
                throw Retry()
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(
                named: "tasks.flaky", arguments: [1, "a"], keywords: ["k": nil])
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.type == "MaxRetriesExceededError")
            #expect(failure?.module == "celery.exceptions")
            #expect(failure?.message == "Can't retry tasks.flaky[\(task.id)] args:(1, 'a') kwargs:{'k': None}")
            #expect(runs.total == 4)
        }
    }

    @Test func anAutomaticPolicyTriesItsErrorsAgainAndNoOthers() async throws {
        let runs = Counter()
        try await withBench {
            TaskHandler(
                named: "tasks.flaky", retry: .automatic(on: Flaky.self, backoff: .exponential(from: .milliseconds(1)))
            ) { context, args, _ in
                runs.next()
                if args == ["fatal"] { throw TaskFailure(type: "ValueError", message: "fatal") }
                guard context.retries == 3 else { throw Flaky() }
                return "done"
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.flaky").value() == "done")
            #expect(runs.total == 4)
            await #expect(throws: TaskFailure.self) {
                try await bench.client.enqueue(named: "tasks.flaky", arguments: ["fatal"]).value()
            }
            #expect(runs.total == 5)
        }
    }

    /// Runs a message once and returns the message of its next try, which stays in the queue `retries`.
    func nextTry(of envelope: Envelope, after countdown: Duration?) async throws -> Message {
        let broker = RecordingBroker()
        return try await withBench(broker: broker, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.flaky", retry: .manual(maxRetries: nil)) { context, _, _ in
                throw Retry(after: countdown)
            }
        } _: { bench async throws in
            // The worker that gets the retry is the same one: stopped right after the first, it gives it back.
            broker.memory.push(envelope.bytes, to: "celery")
            #expect(try await broker.settlements.next() == .acknowledge)
            await bench.services.triggerGracefulShutdown()
            while try await broker.events.next() != .closed {}
            return try #require(try bench.envelopes().first)
        }
    }

    @Test func theNextTryIsTheSameMessageButForItsCount() async throws {
        let chain: JSONValue = [
            [1, 2], ["k": "v"], ["callbacks": nil, "errbacks": nil, "chain": [["task": "x"]], "chord": nil],
        ]
        let expires = JSONValue.string(try PythonDateTime(Date().addingTimeInterval(5000)).isoFormat)
        var envelope = Envelope(
            headers: [
                "lang": "py", "task": "tasks.flaky", "id": "the-id", "shadow": "nice", "eta": nil,
                "expires": expires, "group": "g", "group_index": 3, "retries": 1,
                "timelimit": [20, nil], "root_id": "root", "parent_id": nil, "argsrepr": "(1, 2)",
                "kwargsrepr": "{'k': 'v'}", "origin": "gen1@host", "ignore_result": false,
                "replaced_task_nesting": 2, "stamped_headers": ["s"], "stamps": ["s": 1], "tenant": "acme",
                "x-death": [["count": 1]], "x-first-death-queue": "q", "x-last-death-reason": "expired",
                "redelivered": true,
            ],
            body: chain)
        envelope.properties["priority"] = 6
        envelope.properties["reply_to"] = "replies"
        envelope.properties["correlation_id"] = "correlation"
        let before = Date()
        let message = try await nextTry(of: envelope, after: .seconds(1000))
        var expected = envelope.headers
        for key in ["x-death", "x-first-death-queue", "x-last-death-reason", "redelivered"] { expected[key] = nil }
        expected["retries"] = 2
        expected["parent_id"] = "the-id"
        expected["eta"] = message.headers["eta"]
        #expect(message.headers == expected)
        let eta = try PythonDateTime(isoparse: try #require(message.headers["eta"]?.stringValue)).date()
        #expect((999...1060).contains(eta.timeIntervalSince(before)))
        #expect(message.body == chain.serialized())
        #expect(message.properties.priority == 6)
        #expect(message.properties.replyTo == "replies")
        #expect(message.properties.correlationID == "correlation")
        #expect(message.properties.exchange == "")
        #expect(message.properties.routingKey == "celery")
        #expect(message.properties.deliveryTag != "a-tag")
        let expiration = try #require(message.properties.expiration)
        #expect((.seconds(4900)...(.seconds(5000))).contains(expiration))
    }

    /// One by one they took a pass each.
    @Test func anyNumberOfHeadersIsLeftOutAtOnce() async throws {
        var envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id"])
        for number in 0..<20_000 { envelope.headers["x-first-death-\(number)"] = 1 }
        let message = try await nextTry(of: envelope, after: .seconds(100))
        #expect(message.headers.allSatisfy { !$0.key.hasPrefix("x-") })
    }

    @Test func whatTheSenderLeftOutIsFilledInAsCelerysRetriesHaveIt() async throws {
        var envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id"], body: [[1], ["k": "v"], [:]])
        envelope.properties["delivery_mode"] = 1
        let message = try await nextTry(of: envelope, after: .seconds(100))
        #expect(message.headers["root_id"] == "the-id")
        #expect(message.headers["parent_id"] == "the-id")
        #expect(message.headers["argsrepr"] == "(1,)")
        #expect(message.headers["kwargsrepr"] == "{'k': 'v'}")
        #expect(message.headers["ignore_result"] == false)
        #expect(message.properties.deliveryMode == 2)
    }

    @Test func aParentStaysTheParent() async throws {
        let envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id", "parent_id": "parent"])
        #expect(try await nextTry(of: envelope, after: .seconds(100)).headers["parent_id"] == "parent")
    }

    @Test func theCountdownIsThePolicysWhenTheTaskNamesNone() async throws {
        let before = Date()
        let envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id"])
        let message = try await nextTry(of: envelope, after: nil)
        let eta = try PythonDateTime(isoparse: try #require(message.headers["eta"]?.stringValue)).date()
        #expect((179...240).contains(eta.timeIntervalSince(before)))
    }

    @Test func aCompressedBodyStaysAsItIs() async throws {
        var envelope = Envelope(
            headers: ["task": "tasks.flaky", "id": "the-id", "compression": "application/x-gzip"])
        envelope.properties["body_encoding"] = "base64"
        let compressed = try Zlib.compress(Array("[[1],{},{}]".utf8))
        var object = try #require(try JSONValue(json: envelope.bytes).objectValue)
        object["body"] = .string(Base64.encode(compressed).text)
        let broker = RecordingBroker()
        let message = try await withBench(broker: broker, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.flaky") { _, args, _ in
                #expect(args == [1])
                throw Retry(after: .seconds(500))
            }
        } _: { bench async throws in
            broker.memory.push(object.serialized(), to: "celery")
            #expect(try await broker.settlements.next() == .acknowledge)
            await bench.services.triggerGracefulShutdown()
            while try await broker.events.next() != .closed {}
            return try #require(try bench.envelopes().first)
        }
        #expect(message.headers["compression"] == "application/x-gzip")
        #expect(message.body == compressed)
    }

    @Test func aMessageOfProtocol1GoesOnAsProtocol2() async throws {
        var envelope = Envelope(headers: [:])
        envelope.body = [
            "task": "tasks.flaky", "id": "old", "args": [2, 3], "kwargs": ["a": 1], "retries": 0, "eta": nil,
            "expires": nil, "utc": true, "callbacks": [["task": "next"]], "errbacks": nil,
            "timelimit": [nil, nil], "taskset": "group", "chord": nil,
        ]
        let message = try await nextTry(of: envelope, after: .seconds(100))
        #expect(message.headers["task"] == "tasks.flaky")
        #expect(message.headers["id"] == "old")
        #expect(message.headers["retries"] == 1)
        #expect(message.headers["group"] == "group")
        let payload = try TaskPayload(message)
        #expect(payload.args == [2, 3])
        #expect(payload.kwargs == ["a": 1])
        #expect(payload.callbacks == [["task": "next"]])
    }

    /// Each try would be one more than the handler allows.
    @Test(arguments: [-1, -1000, .integer(.min), "-7", .bigInteger("-99999999999999999999")] as [JSONValue])
    func aCountBelowZeroBuysNoFurtherTries(retries: JSONValue) async throws {
        let runs = Counter()
        try await withBench {
            TaskHandler(named: "tasks.flaky", retry: .manual(backoff: .constant(.zero))) { _, _, _ in
                runs.next()
                throw Retry()
            }
        } _: { bench async throws in
            let envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id", "retries": retries])
            bench.broker.memory.push(envelope.bytes, to: "celery")
            let failure = await #expect(throws: TaskFailure.self) {
                try await bench.client.handle(id: "the-id").value()
            }
            #expect(failure?.type == "MaxRetriesExceededError")
            #expect(runs.total == 4)
        }
    }

    /// The count is somebody else's number.
    @Test func theLargestCountOfRetriesDoesNotOverflow() async throws {
        let envelope = Envelope(headers: ["task": "tasks.flaky", "id": "the-id", "retries": .integer(.max)])
        let message = try await nextTry(of: envelope, after: .seconds(100))
        #expect(message.headers["retries"] == .integer(.max))
    }

    @Test func aCountdownBeyondTheCalendarIsAFailure() async throws {
        try await withBench {
            TaskHandler(named: "tasks.flaky") { _, _, _ in throw Retry(after: .seconds(Int64.max)) }
        } _: { bench async throws in
            let failure = await #expect(throws: TaskFailure.self) {
                try await bench.client.enqueue(named: "tasks.flaky").value()
            }
            #expect(failure?.message.isEmpty == false)
        }
    }
}
