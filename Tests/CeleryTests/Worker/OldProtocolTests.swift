import Celery
import CeleryProtocol
import CeleryTransport
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
        #expect(request.softTimeLimit == 2.5)
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
}
