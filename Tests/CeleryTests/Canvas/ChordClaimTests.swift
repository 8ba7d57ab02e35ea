import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

@testable import Celery

/// Who sends a chord's body, and when the message of the last header task is acknowledged.
@Suite(.timeLimit(.minutes(1))) struct ChordClaimTests {
    private static let envelope = envelope(body: body("body"))

    /// To a queue that nobody consumes: else the body's own message may be the first that is settled.
    private static func body(_ id: String) -> JSONValue {
        SuccessorTests.signature("echo", id: id, options: ["queue": "elsewhere"])
    }

    private static func envelope(body: JSONValue) -> Envelope {
        Envelope(
            headers: ["task": "add", "id": "last", "group": "header", "group_index": 0],
            body: [[1], [:], ["chord": body]])
    }

    /// Runs the last task of a header with late acknowledgement, and returns what is done, in order, up to the
    /// acknowledgement.
    private func steps(
        _ chords: ScriptedChords, _ envelope: Envelope = envelope, refusesBody: Bool = false
    ) async throws -> [String] {
        var broker = RecordingBroker()
        broker.takes = { message in
            guard message.headers["id"]?.stringValue?.hasPrefix("body") == true else { return }
            if refusesBody { throw TransportError(.rejected, "the queue is full") }
            chords.notes.add("sent")
        }
        return try await withCanvasBench(
            broker: broker, backend: chords, options: .init(concurrency: 1, acksLate: true)
        ) { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            chords.notes.add("acknowledged")
            var steps: [String] = []
            while steps.last != "acknowledged" { steps.append(try await chords.notes.next()) }
            return steps
        }
    }

    @Test func theMessageIsAcknowledgedWhenTheBodyIsSent() async throws {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.claim))])
        #expect(try await steps(chords) == ["recorded last SUCCESS", "sent", "ended", "acknowledged"])
    }

    @Test func nothingIsDoneForAChordThatWaitsOrHasEnded() async throws {
        for progress in [ChordProgress.waiting, .alreadyEnded] {
            #expect(try await steps(ScriptedChords([.success(progress)])) == ["recorded last SUCCESS", "acknowledged"])
        }
    }

    @Test func aClaimOfAnotherIsWaitedForUntilItHasExpired() async throws {
        let claimed = ChordProgress.claimed(remaining: .milliseconds(1))
        let chords = ScriptedChords([.success(claimed), .success(claimed), .success(.complete(ScriptedChords.claim))])
        let recorded = Array(repeating: "recorded last SUCCESS", count: 3)
        #expect(try await steps(chords) == recorded + ["sent", "ended", "acknowledged"])
    }

    @Test func aPartThatIsNotTakenAtOnceIsTakenLater() async throws {
        let failure = TransportError(.unreachable, "nobody there")
        let chords = ScriptedChords([.failure(failure), .failure(failure), .success(.waiting)])
        let recorded = Array(repeating: "recorded last SUCCESS", count: 3)
        #expect(try await steps(chords) == recorded + ["acknowledged"])
    }

    /// Celery raises, and the chord waits for ever.
    @Test func aChordWhosePartsAreRefusedFails() async throws {
        let refusal = TransportError(.rejected, "WRONGTYPE")
        let chords = ScriptedChords([.failure(refusal)])
        #expect(try await steps(chords) == ["recorded last SUCCESS", "failed", "acknowledged"])
        let store = try chords.makeResultStore(
            context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
        let failure = try await store.result(of: "body")?.failure
        #expect(failure?.description.hasPrefix(#"ChordError("Join error: TransportError("#) == true)
        #expect(try await store.result(of: "last")?.state == .success)
    }

    @Test func aChordWhosePartsAreRefusedFailsOnce() async throws {
        let chords = ScriptedChords([.failure(TransportError(.rejected, "WRONGTYPE"))], keepsClaim: false)
        #expect(try await steps(chords) == ["recorded last SUCCESS", "acknowledged"])
        let store = try chords.makeResultStore(
            context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
        #expect(try await store.result(of: "body") == nil)
    }

    @Test func aBodyIsNotSentWithoutTheClaim() async throws {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.claim))], keepsClaim: false)
        #expect(try await steps(chords) == ["recorded last SUCCESS", "acknowledged"])
    }

    @Test func aFailedChordIsNotCompletedAgain() async throws {
        let failed = ChordMember(id: "bad", state: .failure, result: TaskFailure(type: "E", message: "x").json)
        let chords = ScriptedChords(
            [.success(.complete(ScriptedChords.claim))], results: .failed(failed, isNested: false))
        #expect(try await steps(chords) == ["recorded last SUCCESS", "failed", "acknowledged"])
    }

    @Test func aBodyThatIsNotTakenFails() async throws {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.claim))])
        #expect(try await steps(chords, refusesBody: true) == ["recorded last SUCCESS", "ended", "acknowledged"])
        let store = try chords.makeResultStore(
            context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
        let failure = try await store.result(of: "body")?.failure
        #expect(failure?.description.hasPrefix(#"ChordError("Callback error: TransportError("#) == true)
    }

    /// A chord that somebody has completed before, who has died, when tasks that its last task has sent have ended.
    private func completedBefore(ended: String...) async throws -> ScriptedChords {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.repeatedClaim))])
        let store = try chords.makeResultStore(
            context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
        for id in ended {
            let result = TaskResult(id: id, state: .success, result: 3, parentID: "last")
            try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: id))])
        }
        return chords
    }

    /// A worker that has died after it had sent the body: its result says whose task sent it.
    @Test func aBodyThatWasSentBeforeIsNotSentAgain() async throws {
        let chords = try await completedBefore(ended: "body")
        #expect(try await steps(chords) == ["recorded last SUCCESS", "ended", "acknowledged"])
    }

    @Test func aBodyOfWhichSomeTasksWereSentIsSent() async throws {
        let group: JSONValue = [
            "task": "celery.group", "args": [], "kwargs": ["tasks": [Self.body("body-1"), Self.body("body-2")]],
            "options": ["task_id": "bodies"], "subtask_type": "group", "immutable": false,
        ]
        let envelope = Self.envelope(body: group)
        let some = try await steps(try await completedBefore(ended: "body-1"), envelope)
        #expect(some == ["recorded last SUCCESS", "sent", "sent", "ended", "acknowledged"])
        let all = try await steps(try await completedBefore(ended: "body-1", "body-2"), envelope)
        #expect(all == ["recorded last SUCCESS", "ended", "acknowledged"])
    }

    @Test func aWorkerThatEndsGivesBackWhatWaitsForAClaim() async throws {
        let chords = ScriptedChords([.success(.claimed(remaining: .seconds(3600)))])
        let broker = RecordingBroker()
        try await withCanvasBench(
            broker: broker, backend: chords, options: .init(concurrency: 1, acksLate: true)
        ) { bench async throws in
            bench.broker.memory.push(Self.envelope.bytes, to: "celery")
            #expect(try await chords.notes.next() == "recorded last SUCCESS")
            await bench.services.triggerGracefulShutdown()
            #expect(try await broker.settlements.next() == .requeue)
        }
    }
}
