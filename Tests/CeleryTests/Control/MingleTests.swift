import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import Celery

struct MingleTests {
    private func mingle(_ revoked: RevokedTasks, _ clock: LogicalClock = LogicalClock()) -> Mingle {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let broker = MemoryBroker()
        let publisher = TaskPublisher(
            broker: broker, routing: .init(), defaults: nil, middleware: [], replyTo: "x", logger: logger)
        return Mingle(
            control: ControlClient(broker: broker, publisher: publisher, exchange: "celery", logger: logger),
            name: "a@h", clock: clock, revoked: revoked, logger: logger)
    }

    @Test func whatOthersKnowIsTakenOver() {
        let (revoked, clock) = (RevokedTasks(), LogicalClock())
        let mingle = mingle(revoked, clock)
        #expect(mingle.merge(["clock": 40, "revoked": ["x", "y"]]))
        // As older versions have it: with times.
        #expect(mingle.merge(["clock": 7, "revoked": ["z": 17.5]]))
        #expect(revoked.ids == ["x", "y", "z"] && clock.current > 40)
    }

    @Test(
        arguments: [
            nil, 5, [], "x", ["error": "KeyError('hello')"], ["clock": "x"], ["revoked": 5],
            ["revoked": [5, nil, [:]]],
            ["clock": -1, "revoked": nil], ["clock": 1e300],
        ] as [JSONValue])
    func whatMakesNoSenseBreaksNothing(reply: JSONValue) {
        let revoked = RevokedTasks()
        _ = mingle(revoked).merge(reply)
        #expect(revoked.ids.isEmpty)
    }

    /// A worker whom nobody answers does not wait for long.
    @Test(.timeLimit(.minutes(1))) func silenceEndsTheWait() async {
        let start = ContinuousClock.now
        await mingle(RevokedTasks()).run {}
        #expect(ContinuousClock.now - start >= Mingle.quietTime)
    }
}
