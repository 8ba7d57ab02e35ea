import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// The right to send a chord's body, while a broker keeps the one who has it waiting.
@Suite(.timeLimit(.minutes(1))) struct ClaimKeeperTests {
    private func store(of chords: ScriptedChords) throws -> any ResultStore {
        try chords.makeResultStore(context: ResultStoreContext(broker: .memory, replyTo: "", logger: Bench.logger))
    }

    @Test func theRightIsRenewedAgainAndAgain() async throws {
        let chords = ScriptedChords([.success(.waiting)])
        let keeper = ClaimKeeper(ScriptedChords.claim, in: try store(of: chords), for: .milliseconds(30))
        #expect(try await chords.extensions.next(3) == Array(repeating: .milliseconds(30), count: 3))
        withExtendedLifetime(keeper) {}
    }

    @Test func aRenewalThatTheBackendDoesNotHearIsFollowedByOthers() async throws {
        let chords = ScriptedChords([.success(.waiting)], unheardExtensions: 2)
        let keeper = ClaimKeeper(ScriptedChords.claim, in: try store(of: chords), for: .milliseconds(30))
        #expect(try await chords.extensions.next(4).count == 4)
        withExtendedLifetime(keeper) {}
    }

    @Test func whoeverSendsABodyKeepsTheRightWhileTheBrokerTakesItsTime() async throws {
        let chords = ScriptedChords([.success(.complete(ScriptedChords.claim))])
        var broker = RecordingBroker()
        broker.takes = { message in
            guard message.headers["id"] == "body" else { return }
            // Once before it is sent, and then while it is.
            if chords.extensionCount < 2 { throw TransportError(.unreachable, "nobody there") }
            chords.notes.add("sent")
        }
        let body = SuccessorTests.signature("echo", id: "body", options: ["queue": "elsewhere"])
        let envelope = Envelope(
            headers: ["task": "add", "id": "last", "group": "header", "group_index": 0],
            body: [[1], [:], ["chord": body]])
        try await withCanvasBench(
            broker: broker, backend: chords, options: .init(concurrency: 1, acksLate: true)
        ) { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            #expect(try await chords.notes.next(3) == ["recorded last SUCCESS", "sent", "ended"])
        }
    }
}
