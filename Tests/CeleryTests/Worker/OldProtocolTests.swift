import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct OldProtocolTests {
    func run(_ envelope: Envelope, id: String) async throws -> (result: TaskResult?, request: TaskRequest) {
        let requests = Notes<TaskRequest>()
        return try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.add") { context, args, kwargs in
                requests.add(context.request)
                return .array(args + kwargs.map(\.value))
            }
        } _: { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            return (try await bench.client.handle(id: id).result(), try await requests.next())
        }
    }

    @Test func aMessageOfProtocol1Runs() async throws {
        let envelope = Envelope(
            headers: [:],
            body: [
                "task": "tasks.add", "id": "old", "args": [2, 3], "kwargs": ["z": 4], "group": nil, "group_index": nil,
                "retries": 1, "eta": nil, "expires": nil, "utc": true, "callbacks": nil, "errbacks": nil,
                "timelimit": [nil, 2.5], "taskset": "set", "chord": nil,
            ])
        let (result, request) = try await run(envelope, id: "old")
        #expect(result?.result == [2, 3, 4])
        #expect(request.retries == 1)
        #expect(request.group == "set")
        #expect(request.softTimeLimit == .seconds(2.5))
    }

    @Test func argumentsMayBeMissingInProtocol1() async throws {
        let (result, _) = try await run(Envelope(headers: [:], body: ["task": "tasks.add", "id": "old"]), id: "old")
        #expect(result?.result == [])
    }

    @Test func theHeadersOfAMixedMessageCountMore() async throws {
        let envelope = Envelope(
            headers: ["task": "tasks.add", "id": "new", "retries": 2],
            body: ["task": "tasks.other", "id": "old", "args": [1], "kwargs": ["a": 2], "retries": 7])
        let (result, request) = try await run(envelope, id: "new")
        #expect(result?.result == [1, 2])
        #expect(request.retries == 2)
    }

    static let metadata: JSONObject = [
        "id": "old", "args": [1], "kwargs": [:], "eta": "2020-01-02T03:04:05", "expires": "2999-01-02T03:04:05",
        "retries": 7, "timelimit": [20, 1.5], "root_id": "root", "parent_id": "parent", "shadow": "other",
    ]

    func expectMetadata(_ request: TaskRequest) throws {
        #expect(request.eta == (try PythonDateTime(isoparse: "2020-01-02T03:04:05Z").date()))
        #expect(request.expires == (try PythonDateTime(isoparse: "2999-01-02T03:04:05Z").date()))
        #expect(request.retries == 7)
        #expect(request.timeLimit == .seconds(20))
        #expect(request.softTimeLimit == .seconds(1.5))
        #expect(request.rootID == "root")
        #expect(request.parentID == "parent")
        #expect(request.shadow == "other")
    }

    @Test func whatTheHeadersOfAMixedMessageLackIsInItsBody() async throws {
        let envelope = Envelope(headers: ["task": "tasks.add", "id": "new"], body: .object(Self.metadata))
        let (result, request) = try await run(envelope, id: "new")
        #expect(result?.result == [1])
        try expectMetadata(request)
        #expect(request.headers.isEmpty)
    }

    @Test func theIdOfAMixedMessageMayBeInItsBody() async throws {
        let envelope = Envelope(headers: ["task": "tasks.add"], body: .object(Self.metadata))
        let (result, request) = try await run(envelope, id: "old")
        #expect(result?.result == [1])
        #expect(request.id == "old")
    }

    @Test func aHeaderThatIsNullHidesWhatTheBodyOfAMixedMessageSays() async throws {
        let envelope = Envelope(
            headers: ["task": "tasks.add", "id": "new", "retries": nil, "root_id": nil], body: .object(Self.metadata))
        let (_, request) = try await run(envelope, id: "new")
        #expect(request.retries == 0)
        #expect(request.rootID == nil)
    }

    @Test func theBodyOfAMixedMessageMayBeCompressed() throws {
        let body = Array("\n ".utf8) + JSONValue.object(Self.metadata).serialized()
        let message = Message(
            headers: ["task": "tasks.add", "id": "new", "compression": "application/x-gzip"],
            body: try Zlib.compress(body))
        try expectMetadata(try TaskRequest(message))
        #expect(try TaskPayload(message).args == [1])
    }

    @Test(arguments: [true, false]) func timesWithoutAZoneAreInUTCWhateverProtocol1SaysOfThem(utc: Bool) throws {
        var body = Self.metadata
        body["task"] = "tasks.add"
        body["utc"] = .bool(utc)
        try expectMetadata(try TaskRequest(Message(body: body.serialized())))
    }

    @Test func retriesAreCountedAsFarAsTheyAreNumbers() throws {
        let cases: [(JSONValue, Int)] = [
            (3, 3), ("2", 2), ("x", 0), (nil, 0), (true, 1), (1.5, 1), (.double(.nan), 0), ([], 0),
            // Fewer than none would be more tries than the handler allows.
            (-1, 0), (.integer(.min), 0), ("-1", 0), (-1.5, 0), (.double(-.infinity), 0),
            (.bigInteger("-100000000000000000000"), 0),
            // More than any limit.
            (.bigInteger("100000000000000000000"), .max), ("100000000000000000000", .max), (1e300, .max),
            (0x1p63, .max), (.double(.infinity), .max),
            (["__type__": "decimal", "__value__": "7"], 7), (["__type__": "bytes", "__value__": "7"], 7),
        ]
        for (value, count) in cases {
            let message = Message(headers: ["task": "tasks.add", "id": "new", "retries": value], body: [])
            #expect(try TaskRequest(message).retries == count, "\(value)")
        }
    }

    @Test func aTimeAsAMQPHasItIsRead() throws {
        let time: JSONValue = ["__type__": "datetime", "__value__": "2020-01-02T03:04:05"]
        let message = Message(headers: ["task": "tasks.add", "id": "new", "eta": time, "expires": time], body: [])
        let request = try TaskRequest(message)
        #expect(request.eta == (try PythonDateTime(isoparse: "2020-01-02T03:04:05Z").date()))
        #expect(request.expires == request.eta)
    }

    @Test func timeLimitsAreWrittenAsTheyCame() throws {
        for limits in [[60.0, 1.5], [60, nil], [nil, nil], [0, 0.0]] as [JSONValue] {
            let message = Message(headers: ["task": "tasks.add", "id": "new", "timelimit": limits], body: [])
            let headers = try TaskRequest(message).messageHeaders()
            #expect(headers["timelimit"]?.description == limits.description)
        }
    }

    @Test func aTimeLimitThatIsNoSpanOfTimeIsNone() throws {
        for limits in [[1e300, -1], [.double(.nan), .double(.infinity)], [0, 0.0]] as [JSONValue] {
            let request = try TaskRequest(
                Message(headers: ["task": "tasks.add", "id": "new", "timelimit": limits], body: []))
            #expect(request.timeLimit == nil && request.softTimeLimit == nil)
        }
    }
}
