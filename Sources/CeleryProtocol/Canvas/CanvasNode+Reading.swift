extension CanvasNode {
    /// Reads a signature as Celery writes it. What an old sender left out counts as empty.
    ///
    /// - Throws: ``MessageError`` that says what is wrong with it, also with an option that will be needed when it is sent:
    ///   that is known before the task runs which it follows.
    package init(_ json: JSONValue) throws(MessageError) {
        try self.init(json, levels: Self.maximumDepth)
    }

    private init(_ json: JSONValue, levels: Int) throws(MessageError) {
        guard levels > 0 else { throw Self.tooDeep }
        guard case .object(let fields) = json, let name = fields["task"]?.text else {
            throw MessageError(.invalidTask, "\(PythonRepr.quoted(json)) is no signature")
        }
        self.init(task: name)
        args = try fields["args"].array("args of a signature") ?? []
        kwargs = try fields["kwargs"].object("kwargs of a signature") ?? [:]
        options = try fields["options"].object("options of a signature") ?? [:]
        isImmutable = fields["immutable"]?.isTruthy ?? false
        for (key, value) in fields where !Self.fields.contains(key) { unknown.append(key, value) }
        switch fields["subtask_type"]?.text {
        case "chain": kind = .chain(try takeTasks("tasks", levels))
        case "group": kind = .group(try takeTasks("tasks", levels))
        case "chord": kind = try takeChord(levels)
        // A map is a task like any other.
        case nil, "xmap", "xstarmap", "chunks": break
        case let type?:
            throw MessageError(.invalidTask, "a signature cannot be of type \(PythonRepr.quoted(type))")
        }
        try checkOptions()
    }

    private static let fields: Set = ["task", "args", "kwargs", "options", "subtask_type", "immutable"]

    private mutating func takeTasks(_ key: String, _ levels: Int) throws(MessageError) -> [CanvasNode] {
        let tasks = try Self.tasks(kwargs[key], levels)
        kwargs[key] = nil
        return tasks
    }

    private static func tasks(_ value: JSONValue?, _ levels: Int) throws(MessageError) -> [CanvasNode] {
        let values = try value.array("tasks of a signature") ?? []
        return try values.map { value throws(MessageError) in try CanvasNode(value, levels: levels - 1) }
    }

    private mutating func takeChord(_ levels: Int) throws(MessageError) -> Kind {
        let header: Header
        if case .object? = kwargs["header"] {
            let node = try CanvasNode(kwargs["header"] ?? .null, levels: levels - 1)
            // Celery takes the tasks out of a chain, too.
            switch node.kind {
            case .group: header = .group(node)
            case .chain(let tasks): header = .list(tasks)
            default: header = .list([node])
            }
        } else {
            header = .list(try Self.tasks(kwargs["header"], levels))
        }
        guard let body = kwargs["body"], !body.isNull else {
            throw MessageError(.invalidTask, "a chord has no body")
        }
        let node = try CanvasNode(body, levels: levels - 1)
        kwargs["header"] = nil
        kwargs["body"] = nil
        return .chord(header, body: node)
    }
}
