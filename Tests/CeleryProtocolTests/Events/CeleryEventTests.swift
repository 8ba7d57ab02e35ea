import CeleryProtocol
import Foundation
import Testing

struct CeleryEventTests {
    private let now = Date(timeIntervalSince1970: 1_795_220_020)

    private func event(_ json: String) throws -> CeleryEvent {
        try CeleryEvent(JSONValue(json: json), received: now, clock: 9)
    }

    /// As Celery 5.7.0 has sent them.
    @Test func whatCelerySendsIsRead() throws {
        let sent = try event(
            #"""
            {"hostname": "gen28169@host", "utcoffset": 0.0, "pid": 28169, "clock": 1, "uuid": "76c3", "root_id": "76c3",
             "parent_id": null, "name": "papp.add", "args": "(2, 3)", "kwargs": "{}", "retries": 0,
             "eta": "2026-11-21T00:00:00+00:00", "expires": null, "queue": "celery", "exchange": "",
             "routing_key": "celery", "timestamp": 1795220017.5, "type": "task-sent"}
            """#)
        var call = CeleryEvent.Call()
        (call.name, call.arguments, call.keywords) = ("papp.add", "(2, 3)", "{}")
        (call.rootID, call.retries, call.eta) = ("76c3", 0, Date(timeIntervalSince1970: 1_795_219_200))
        #expect(sent.content == .taskSent(call, queue: "celery", exchange: "", routingKey: "celery"))
        #expect((sent.node, sent.pid, sent.clock, sent.taskID) == ("gen28169@host", 28169, 1, "76c3"))
        #expect(sent.timestamp == Date(timeIntervalSince1970: 1_795_220_017.5) && sent.received == now)

        let beat = try event(
            #"""
            {"hostname": "w1@h1", "utcoffset": -1.0, "pid": 7, "clock": 2, "freq": 2.0, "active": 1, "processed": 5,
             "loadavg": [1.66, 1.41, 0.72], "sw_ident": "py-celery", "sw_ver": "5.7.0", "sw_sys": "Linux",
             "timestamp": 1795220015, "type": "worker-heartbeat"}
            """#)
        var report = CeleryEvent.Report()
        (report.interval, report.active, report.processed) = (.seconds(2), 1, 5)
        (report.loadAverage, report.software) = ([1.66, 1.41, 0.72], "py-celery")
        (report.version, report.system) = ("5.7.0", "Linux")
        #expect(beat.content == .workerHeartbeat(report) && beat.taskID == nil)
        // Timestamps are absolute, whatever the sender's time zone.
        #expect(beat.timestamp == Date(timeIntervalSince1970: 1_795_220_015))

        let revoked = try event(
            #"{"type": "task-revoked", "uuid": "a", "terminated": true, "signum": 15, "expired": false}"#)
        #expect(revoked.content == .taskRevoked(isTerminated: true, signal: "15", isExpired: false))
        let done = try event(#"{"type": "task-succeeded", "uuid": "a", "result": "5", "runtime": 0.25}"#)
        #expect(done.content == .taskSucceeded(result: "5", runtime: .milliseconds(250)))
    }

    @Test func whatIsMissingOrStrangeIsNothing() throws {
        let bare = try event(#"{"type": "task-received"}"#)
        #expect(bare.content == .taskReceived(.init()) && bare.taskID == nil && bare.node.isEmpty)
        #expect(bare.clock == 9 && bare.timestamp == now)
        let strange = try event(
            #"""
            {"type": "task-received", "uuid": {"__type__": "uuid", "__value__": {"hex": "00000000000040008000000000000001"}},
             "name": 7, "args": [2, null], "eta": "soon", "retries": "many", "clock": "x", "timestamp": 1e300,
             "hostname": null}
            """#)
        var call = CeleryEvent.Call()
        (call.name, call.arguments) = ("7", "[2, None]")
        #expect(strange.content == .taskReceived(call))
        #expect(strange.taskID == "00000000-0000-4000-8000-000000000001")
        #expect(strange.clock == 9 && strange.timestamp == now)
        let tagged = try event(
            #"{"type": "task-succeeded", "uuid": "a", "runtime": {"__type__": "decimal", "__value__": "1.5"}}"#)
        #expect(tagged.content == .taskSucceeded(result: nil, runtime: .milliseconds(1500)))
        for freq in ["0", "-1", "NaN", "Infinity", "1e400", "\"x\""] {
            #expect(
                try event(#"{"type": "worker-online", "freq": \#(freq), "loadavg": 5}"#).content
                    == .workerOnline(.init()))
        }
    }

    @Test func anUnknownTypeIsKeptAsItIs() throws {
        let own = try event(#"{"type": "task-progress", "uuid": "a", "percent": 40}"#)
        #expect(own.content == .other && own.taskID == "a" && own.fields["percent"] == 40)
        #expect(try event(#"{"type": "shop-closed"}"#).taskID == nil)
    }

    @Test(arguments: ["5", "[]", "null", "{}", #"{"type": 5}"#, #"{"type": ""}"#])
    func whatHasNoTypeIsNoEvent(json: String) throws {
        #expect(throws: MessageError.self) { try event(json) }
    }

    @Test func aMessageHoldsOneOrMany() throws {
        func count(_ body: String) throws -> Int { try CeleryEvent.values(in: Message(body: Array(body.utf8))).count }
        #expect(try count(#"{"type": "a"}"#) == 1)
        #expect(try count(#"[{"type": "a"}, 5, {"type": "b"}]"#) == 3)
        #expect(try count("[]") == 0)
        #expect(throws: MessageError.self) { try count("{") }
    }
}
