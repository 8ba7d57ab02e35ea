import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

@testable import Celery

/// Who sends a chord's body, and when the message of the last header task is acknowledged.
@Suite(.timeLimit(.minutes(1))) struct ChordClaimTests {
    private static let envelope = Envelope(
        headers: ["task": "add", "id": "last", "group": "header", "group_index": 0],
        // To a queue that nobody consumes: else the body's own message may be the first that is settled.
        body: [
            [1], [:], ["chord": SuccessorTests.signature("echo", id: "body", options: ["queue": "elsewhere"])],
        ])

    /// Runs the last task of a header with late acknowledgement, and returns what is done, in order, up to the
    /// acknowledgement.
    private func steps(_ chords: ScriptedChords, refusesBody: Bool = false) async throws -> [String] {
        var broker = RecordingBroker()
        broker.takes = { message in
            guard message.headers["id"] == "body" else { return }
            if refusesBody { throw TransportError(.rejected, "the queue is full") }
            chords.notes.add("sent")
        }
        return try await withCanvasBench(
            broker: broker, backend: chords, options: .init(concurrency: 1, acksLate: true)
        ) { bench async throws in
            #expect(try await bench.settlement(of: Self.envelope.bytes) == .acknowledge)
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

    /// A worker that has died after it had sent the body: its result says whose task sent it.
    @Test func aBodyThatWasSentBeforeIsNotSentAgain() async throws {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.repeatedClaim))])
        let store = try chords.makeResultStore(
            context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
        let result = TaskResult(id: "body", state: .success, result: 3, parentID: "last")
        try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: "body"))])
        #expect(try await steps(chords) == ["recorded last SUCCESS", "ended", "acknowledged"])
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
