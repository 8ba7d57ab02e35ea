/// The state of a task as a result backend keeps it; Celery's task meta.
public struct TaskResult: Sendable, Hashable {
    /// The task's id.
    public var id: String
    /// The state.
    public var state: TaskState
    /// The return value, the exception as an object, or the data of a custom state.
    public var result: JSONValue
    /// The traceback of a failure or a retry.
    public var traceback: String?
    /// The tasks that this one sent, as nested tuples; `null` when nothing is known of them.
    public var children: JSONValue
    /// When the task ended, in ISO 8601; `nil` while it has not.
    public var dateDone: String?
    /// The id of its group.
    public var groupID: String?
    /// The id of the task that sent it.
    public var parentID: String?
    /// The further keys of `result_extended`, and whatever else the backend holds.
    public var extended: JSONObject

    /// Makes a result.
    public init(
        id: String,
        state: TaskState,
        result: JSONValue = .null,
        traceback: String? = nil,
        children: JSONValue = [],
        dateDone: String? = nil,
        groupID: String? = nil,
        parentID: String? = nil,
        extended: JSONObject = [:]
    ) {
        self.id = id
        self.state = state
        self.result = result
        self.traceback = traceback
        self.children = children
        self.dateDone = dateDone
        self.groupID = groupID
        self.parentID = parentID
        self.extended = extended
    }

    /// The exception, when the state is one that has one.
    public var failure: TaskFailure? {
        state.isException ? TaskFailure(json: result, traceback: traceback) : nil
    }
}

extension TaskResult {
    /// The JSON text that result backends store, in Celery's order of keys.
    public func encoded() -> [UInt8] {
        var object = JSONObject()
        object.reserveCapacity(10)
        object.append("status", .string(state.rawValue))
        object.append("result", result)
        object.append("traceback", traceback.map(JSONValue.string) ?? .null)
        object.append("children", children)
        object.append("date_done", dateDone.map(JSONValue.string) ?? .null)
        if let groupID { object.append("group_id", .string(groupID)) }
        if let parentID { object.append("parent_id", .string(parentID)) }
        for (key, value) in extended { object.append(key, value) }
        object.append("task_id", .string(id))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        object.write(to: &bytes)
        return bytes
    }

    /// Reads what a result backend holds, compressed or not.
    ///
    /// - Throws: ``MessageError`` with the code `undecodable`.
    public init(encoded bytes: [UInt8]) throws(MessageError) {
        guard case .object(let object) = try JSONValue(stored: bytes), let status = object["status"]?.text else {
            throw MessageError(.undecodable, "the result has no status")
        }
        self.init(
            id: object["task_id"]?.text ?? "",
            state: TaskState(rawValue: status),
            result: object["result"] ?? .null,
            traceback: object["traceback"]?.text,
            children: object["children"] ?? .null,
            dateDone: object["date_done"]?.text,
            groupID: object["group_id"]?.text,
            parentID: object["parent_id"]?.text
        )
        let known: Set = [
            "status", "result", "traceback", "children", "date_done", "task_id", "group_id", "parent_id",
        ]
        for (key, value) in object where !known.contains(key) { extended.append(key, value) }
    }
}
