import CeleryProtocol

/// Makes two records of a canvas comparable that differ only in the ids that were made, and in what Celery itself writes
/// in no certain order.
enum CanvasComparison {
    /// The value with every made id replaced by the number of its first appearance.
    static func numbered(_ value: JSONValue) -> JSONValue {
        var numbers: [String: Int] = [:]
        return numbered(value, &numbers)
    }

    private static func numbered(_ value: JSONValue, _ numbers: inout [String: Int]) -> JSONValue {
        switch value {
        case .string(let text) where isMade(text):
            let number = numbers[text] ?? numbers.count
            numbers[text] = number
            return .string("id \(number)")
        case .array(let values): return .array(values.map { numbered($0, &numbers) })
        case .object(let object):
            var result = JSONObject()
            for (key, value) in object.sorted(by: { $0.key < $1.key }) {
                var value = value
                if key == "stamped_headers", case .array(let names) = value {
                    value = .array(names.sorted { "\($0)" < "\($1)" })
                }
                // Nothing to call is nothing, however it is written.
                if ["callbacks", "errbacks"].contains(key), value == [] { value = .null }
                result[key] = numbered(value, &numbers)
            }
            return .object(result)
        default: return value
        }
    }

    private static func isMade(_ text: String) -> Bool {
        text.utf8.count == 36 && text.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12]
    }

    /// Python's steps without the sizes under which nobody is counted: of groups whose tasks belong to a chord of another
    /// group.
    static func counted(_ steps: JSONValue) -> JSONValue {
        guard case .array(let steps) = steps else { return steps }
        return .array(
            steps.filter { step in
                guard let group = step.objectValue?["size"]?.arrayValue?.first else { return true }
                return steps.contains { counts(group, in: $0) }
            })
    }

    private static func counts(_ group: JSONValue, in value: JSONValue) -> Bool {
        switch value {
        case .array(let values): return values.contains { counts(group, in: $0) }
        case .object(let object):
            let chord = object["chord"] ?? object["embed"]?.objectValue?["chord"] ?? .null
            if object["group"] == group || object["group_id"] == group, !chord.isNull { return true }
            return object.contains { counts(group, in: $0.value) }
        default: return false
        }
    }
}

extension CanvasExpansion {
    /// The steps as the capture writes them.
    var record: JSONValue {
        get throws {
            .array(
                try steps.map { step in
                    switch step {
                    case .send(let task): ["send": .object(task.record)]
                    case .saveGroup(let tree): ["save": try tree.json]
                    case .openChord(let opening): ["size": [.string(opening.group), .integer(opening.size)]]
                    }
                })
        }
    }

    var childrenRecord: JSONValue { get throws { .array(try children.map { try $0.json }) } }
}

extension CanvasTask {
    /// The message as the capture writes it.
    var record: JSONObject {
        func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
        func list(_ values: [JSONValue]) -> JSONValue { values.isEmpty ? .null : .array(values) }
        var record: JSONObject = [
            "id": .string(request.id), "task": .string(request.task), "root_id": text(request.rootID),
            "parent_id": text(request.parentID), "group": text(request.group),
            "group_index": request.groupIndex.map(JSONValue.integer) ?? .null, "retries": .integer(request.retries),
            "timelimit": [request.writtenTimeLimit, request.writtenSoftTimeLimit], "shadow": text(request.shadow),
            "ignore_result": .bool(request.ignoreResult ?? false),
            "replaced_task_nesting": .integer(request.replacedTaskNesting), "reply_to": text(request.replyTo),
            "args": .array(payload.args), "kwargs": .object(payload.kwargs),
            "embed": [
                "callbacks": list(payload.callbacks), "errbacks": list(payload.errbacks),
                "chain": payload.chain.map(JSONValue.array) ?? .null, "chord": payload.chord ?? .null,
            ],
        ]
        if request.stampedHeaders.isTruthy {
            record["stamped_headers"] = request.stampedHeaders
            record["stamps"] = .object(request.stamps)
        }
        var options = options
        if !request.headers.isEmpty { options["headers"] = .object(request.headers) }
        record["options"] = .object(options)
        return record
    }

    /// A message as the capture wrote it.
    init(record: JSONObject) throws(MessageError) {
        var request = TaskRequest(task: record["task"]?.text ?? "", id: record["id"]?.text ?? "")
        request.rootID = record["root_id"]?.text
        request.parentID = record["parent_id"]?.text
        request.group = record["group"]?.text
        request.groupIndex = record["group_index"]?.integerValue
        request.replacedTaskNesting = record["replaced_task_nesting"]?.integerValue ?? 0
        request.priority = record["options"]?.objectValue?["priority"]?.integerValue ?? 0
        let body: JSONValue = [record["args"] ?? [], record["kwargs"] ?? [:], record["embed"] ?? [:]]
        let message = Message(headers: ["task": "x", "id": "x"], body: body.serialized())
        self.init(request: request, payload: try TaskPayload(message), options: [:])
    }
}
