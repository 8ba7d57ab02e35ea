import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// What canvases of tests are made of.
enum CanvasTasks {
    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        TaskHandler(named: "add") { _, args, _ in .integer(args.compactMap(\.integerValue).reduce(0, +)) }
        TaskHandler(named: "sum") { _, args, _ in
            .integer((args.first?.arrayValue ?? []).compactMap(\.integerValue).reduce(0, +))
        }
        TaskHandler(named: "echo") { _, args, _ in .array(args) }
        TaskHandler(named: "ids") { context, args, _ in
            [
                context.request.rootID.map(JSONValue.string) ?? nil,
                context.request.parentID.map(JSONValue.string) ?? nil,
                context.request.group.map(JSONValue.string) ?? nil,
                context.request.groupIndex.map(JSONValue.integer) ?? nil, .array(args),
            ]
        }
        TaskHandler(named: "fail") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        TaskHandler(named: "quiet", options: .init(ignoreResult: true)) { _, args, _ in args[0] }
        TaskHandler(named: "flaky") { context, args, _ in
            if context.retries == 0 { throw Retry(after: .zero) }
            return args[0]
        }
    }

    static func add(_ numbers: Int..., id: String? = nil) -> CanvasNode {
        CanvasNode(task: "add", args: numbers.map(JSONValue.integer), options: options(id))
    }

    static func call(_ task: String, _ args: JSONValue..., id: String? = nil, immutable: Bool = false) -> CanvasNode {
        CanvasNode(task: task, args: args, options: options(id), isImmutable: immutable)
    }

    private static func options(_ id: String?) -> JSONObject { id.map { ["task_id": .string($0)] } ?? [:] }
}

extension Bench {
    /// Sends a canvas as a client does.
    @discardableResult
    func send(_ canvas: CanvasNode) async throws -> ResultTree {
        let sender = CanvasSender(publisher: client.publisher, results: client.results)
        return try #require(try await sender.send(canvas, parent: nil) { $0 }.result)
    }

    /// What a canvas comes to.
    func run(_ canvas: CanvasNode) async throws -> JSONValue {
        try await client.handle(id: try await send(canvas).id).value()
    }

    /// How a task has failed, once it has.
    func failure(of id: String) async throws -> String? {
        let failure = await #expect(throws: TaskFailure.self) { try await client.handle(id: id).value() }
        return failure?.description
    }
}

/// Runs a worker with the tasks of canvases.
func withCanvasBench<Value: Sendable>(
    broker: RecordingBroker = RecordingBroker(), backend: (any ResultBackend)? = MemoryResultBackend(),
    options: CeleryWorker.Options = .init(concurrency: 2),
    @TaskHandlerBuilder handlers: () -> [TaskHandler] = { [] }, _ body: (Bench) async throws -> Value
) async throws -> Value {
    let own = handlers()
    return try await withBench(broker: broker, backend: backend, options: options) {
        CanvasTasks.handlers
        own
    } _: { bench async throws in
        try await body(bench)
    }
}
