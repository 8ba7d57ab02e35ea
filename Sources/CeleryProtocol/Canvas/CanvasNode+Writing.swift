extension CanvasNode {
    /// The signature as Celery writes it, with all of its keys and in its order.
    ///
    /// - Throws: ``MessageError`` when it has more levels than are allowed.
    package var json: JSONValue {
        get throws(MessageError) { .object(try fields) }
    }

    private var fields: JSONObject {
        get throws(MessageError) {
            try checkDepth()
            var fields = JSONObject()
            fields.reserveCapacity(6 + unknown.count)
            fields.append("task", .string(taskName))
            fields.append("args", .array(args))
            fields.append("kwargs", .object(try writtenKwargs))
            fields.append("options", .object(options))
            fields.append("subtask_type", subtaskType)
            fields.append("immutable", .bool(isImmutable))
            for (key, value) in unknown { fields.append(key, value) }
            return fields
        }
    }

    private var subtaskType: JSONValue {
        switch kind {
        case .task: .null
        case .chain: "chain"
        case .group: "group"
        case .chord: "chord"
        }
    }

    private var writtenKwargs: JSONObject {
        get throws(MessageError) {
            var written = kwargs
            switch kind {
            case .task: break
            case .chain(let nodes), .group(let nodes): written["tasks"] = try Self.json(nodes)
            case .chord(let header, let body):
                switch header {
                case .list(let nodes): written["header"] = try Self.json(nodes)
                case .group(let group): written["header"] = try group.json
                }
                written["body"] = try body.json
            }
            return written
        }
    }

    static func json(_ nodes: [CanvasNode]) throws(MessageError) -> JSONValue {
        .array(try nodes.map { node throws(MessageError) in try node.json })
    }
}
