internal import CeleryProtocol
internal import CeleryTransport

/// The tasks that every worker of Celery has. Their names are Celery's.
enum BuiltInTasks {
    /// The handlers.
    static let handlers = [
        accumulate, map, starmap, chunks, group, chain, chord, chordUnlock, backendCleanup,
    ]
    /// The names, which no other handler may have.
    static let names = Set(handlers.map(\.name))

    /// Gives its arguments as its result, or the one with the number `index`: the body of the chord that a group becomes
    /// when something is to follow all of it.
    private static let accumulate = TaskHandler(named: "celery.accumulate") { _, args, kwargs in
        guard let index = kwargs["index"], !index.isNull else { return .array(args) }
        guard let index = index.integerValue else {
            throw TaskFailure(type: "TypeError", message: "tuple indices must be integers or slices")
        }
        let position = index < 0 ? index + args.count : index
        guard args.indices.contains(position) else {
            throw TaskFailure(type: "IndexError", message: "tuple index out of range")
        }
        return args[position]
    }

    // MARK: Loops

    /// Calls a task's handler with each item, one after another.
    private static let map = TaskHandler(named: "celery.map") { context, args, kwargs in
        let values = try bind("xmap", ["task", "it"], args, kwargs)
        return try await context.run(values[0], with: try items(values[1]).map { [$0] })
    }

    /// Calls a task's handler with the elements of each item.
    private static let starmap = TaskHandler(named: "celery.starmap") { context, args, kwargs in
        let values = try bind("xstarmap", ["task", "it"], args, kwargs)
        return try await context.run(values[0], with: try items(values[1]).map { try items($0) })
    }

    /// Sends a group of starmaps.
    private static let chunks = TaskHandler(named: "celery.chunks") { context, args, kwargs in
        let values = try bind("chunks", ["task", "it", "n"], args, kwargs)
        guard let size = values[2].integerValue, size > 0 else {
            throw TaskFailure(type: "ValueError", message: "the size of chunks is \(PythonRepr.quoted(values[2]))")
        }
        let canvas = try CanvasNode.chunks(CanvasNode(values[0]), over: try items(values[1]), of: size)
        return try await context.send(canvas)
    }

    // MARK: What old senders have sent as tasks

    private static let group = TaskHandler(named: "celery.group") { context, args, kwargs in
        let names = ["tasks", "result", "group_id", "partial_args"]
        let values = try bind("group", names, args, kwargs, optional: ["add_to_parent"])
        for task in try items(values[0]) {
            let canvas = try CanvasNode(task)
            try await context.send(
                canvas, input: try items(values[3]), options: ["group_id": values[2], "add_to_parent": false])
        }
        if values[4].isNull || values[4].isTruthy { context.record.add([values[1]]) }
        return values[1]
    }

    private static let chain = TaskHandler(named: "celery.chain") { _, _, _ in
        throw TaskFailure(type: "NotImplementedError", message: "chain is not a real task")
    }

    private static let chord = TaskHandler(named: "celery.chord") { context, args, kwargs in
        let optional = ["partial_args", "interval", "countdown", "max_retries", "eager"]
        let values = try bind("chord", ["header", "body"], args, kwargs, optional: optional)
        let header = values[0].objectValue?.tasksOfGroup.map(JSONValue.array) ?? values[0]
        let tasks = try items(header).map { try CanvasNode($0) }
        var canvas = CanvasNode.chord(tasks, try CanvasNode(values[1]))
        canvas.options = ["interval": values[3], "max_retries": values[5]]
        canvas.options.removeAll { $1.isNull }
        return try await context.send(canvas, input: values[2].isNull ? [] : try items(values[2]))
    }

    // MARK: Looking after things

    /// Sees to a chord whose parts nobody counts: looks again and again whether all of its header has ended.
    private static let chordUnlock = TaskHandler(
        named: "celery.chord_unlock", retry: .manual(maxRetries: nil, backoff: .constant(.seconds(1))),
        options: TaskOptions(ignoreResult: true)
    ) { context, args, kwargs in
        let names = ["group_id", "callback"]
        var others = kwargs
        others["_chord_unlock_exchange_type"] = nil
        let values = try bind("unlock_chord", names, args, others, optional: ["interval", "max_retries", "result"])
        let header = try items(values[4]).map { try ResultTree($0) }
        let pause = values[2].doubleValue.flatMap(Duration.init(seconds:))
        try await context.unlockChord(
            values[0].text ?? "", values[1], header, pause: pause, maxRetries: values[3].integerValue)
        return .null
    }

    /// Results expire by themselves in all backends that there are here.
    private static let backendCleanup = TaskHandler(named: "celery.backend_cleanup") { _, _, _ in .null }

    // MARK: Arguments

    /// The arguments in the places of parameters, by Python's rules; null where an optional one is missing.
    private static func bind(
        _ function: String, _ required: [String], _ args: [JSONValue], _ kwargs: JSONObject, optional: [String] = []
    ) throws -> [JSONValue] {
        let parameters =
            required.map { ArgumentBinding.Parameter(name: $0, isOptional: false) }
            + optional.map { ArgumentBinding.Parameter(name: $0, isOptional: true) }
        return try ArgumentBinding(task: function, parameters: parameters, args: args, kwargs: kwargs)
            .values.map { $0 ?? .null }
    }

    private static func items(_ value: JSONValue) throws(TaskFailure) -> [JSONValue] {
        guard let items = value.arrayValue else {
            throw TaskFailure(type: "TypeError", message: "\(PythonRepr.quoted(value)) is not iterable")
        }
        return items
    }
}

extension TaskContext {
    /// Runs a task's handler in this task, once for each list of arguments.
    fileprivate func run(_ signature: JSONValue, with calls: [[JSONValue]]) async throws -> JSONValue {
        let name = try CanvasNode(signature).taskName
        guard let handler = environment.handlers[name] else {
            throw TaskFailure(type: "NotRegistered", module: "celery.exceptions", message: name)
        }
        var results: [JSONValue] = []
        results.reserveCapacity(calls.count)
        for args in calls {
            try Task.checkCancellation()
            results.append(try await handler.body(self, TaskPayload(args: args)))
        }
        return .array(results)
    }

    /// Sends a canvas, and gives its results as Celery's tuple.
    @discardableResult
    fileprivate func send(
        _ canvas: CanvasNode, input: [JSONValue] = [], options: JSONObject = [:]
    ) async throws -> JSONValue {
        guard let tree = try await enqueue(canvas, input: input, options: options) else { return .null }
        return try tree.json
    }
}
