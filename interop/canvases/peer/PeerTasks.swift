import Celery
import CeleryProtocol

/// The tasks of `canvases/app.py`.
struct PeerTasks {
    let notes: Notes

    @TaskHandlerBuilder var handlers: [TaskHandler] {
        values
        failures
        canvases
        items
        errbacks
    }

    @TaskHandlerBuilder private var values: [TaskHandler] {
        noted("add") { _, args, kwargs in Self.raised(args.first ?? 0, kwargs["n"]?.integerValue ?? 1) }
        noted("echo") { _, args, _ in .array(args) }
        noted("nothing") { _, _, _ in .null }
        TaskHandler(named: "canvas.total") { [notes] context, args, kwargs in
            let total = JSONValue.integer(Self.total(.array(args)))
            try notes.add(kwargs["note"], of: context.request, args: [total])
            return total
        }
    }

    @TaskHandlerBuilder private var failures: [TaskHandler] {
        noted("fail") { _, _, kwargs in
            let error = kwargs["error"]?.arrayValue ?? []
            throw TaskFailure(type: error.first?.stringValue ?? "", arguments: Array(error.dropFirst()))
        }
        noted("retry") { context, args, kwargs in
            guard context.retries < kwargs["times"]?.integerValue ?? 0 else {
                return Self.raised(args.first ?? 0, 1)
            }
            throw Retry(
                after: .zero, because: TaskFailure(type: "ValueError", message: "again"),
                maxRetries: kwargs["most"]?.integerValue)
        }
    }

    @TaskHandlerBuilder private var canvases: [TaskHandler] {
        noted("replace") { context, _, kwargs in try context.replace(with: try Self.canvas(kwargs)) }
        noted("extend") { context, _, kwargs in
            try await context.addToChord(try Self.canvas(kwargs))
            return 1
        }
        noted("send") { context, args, kwargs in
            try await context.enqueue(try Self.canvas(kwargs))
            return Self.raised(args.first ?? 0, 1)
        }
    }

    @TaskHandlerBuilder private var items: [TaskHandler] {
        TaskHandler(named: "canvas.item") { [notes] context, args, _ in
            try Self.mapped(args.first?.arrayValue ?? [], context, notes)
        }
        TaskHandler(named: "canvas.spread") { [notes] context, args, _ in try Self.mapped(args, context, notes) }
    }

    @TaskHandlerBuilder private var errbacks: [TaskHandler] {
        TaskHandler(named: "canvas.told") { [notes] context, args, kwargs in
            try notes.add(kwargs["note"], of: context.request, args: [], more: ["failed": args.first ?? .null])
            return "told"
        }
        ErrbackHandler("canvas.failed") { [notes] context, failure, _, kwargs in
            try notes.add(
                kwargs["note"],
                [
                    "failed": .string(context.id), "error": .array([.string(failure.type)] + failure.arguments),
                ])
        }
    }

    /// A task that notes its call before it does anything.
    private func noted(
        _ name: String,
        body: @escaping @Sendable (TaskContext, [JSONValue], JSONObject) async throws -> JSONValue
    ) -> TaskHandler {
        TaskHandler(named: "canvas.\(name)") { [notes] context, args, kwargs in
            try notes.add(kwargs["note"], of: context.request, args: args)
            return try await body(context, args, kwargs)
        }
    }

    private static func mapped(_ triple: [JSONValue], _ context: TaskContext, _ notes: Notes) throws -> JSONValue {
        guard triple.count == 3 else { throw TaskFailure(type: "TypeError", message: "three arguments, please") }
        // The request is that of the map.
        try notes.add([triple[0], triple[1]], of: context.request, args: [triple[2]])
        return raised(triple[2], 1)
    }

    private static func canvas(_ kwargs: JSONObject) throws -> CanvasNode {
        try CanvasReader(run: kwargs["note"]?.arrayValue?.first?.stringValue ?? "").canvas(kwargs["canvas"])
    }

    /// The value with a number added to each number in it.
    private static func raised(_ value: JSONValue, _ number: Int) -> JSONValue {
        switch value {
        case .array(let values): .array(values.map { raised($0, number) })
        case .integer(let integer): .integer(integer + number)
        default: value
        }
    }

    /// The sum of all numbers in the value.
    private static func total(_ value: JSONValue) -> Int {
        switch value {
        case .array(let values): values.reduce(0) { $0 + total($1) }
        case .integer(let integer): integer
        default: 0
        }
    }
}
