/// A task of a canvas that will never run because one before it has failed: its result is that failure, so that whoever
/// waits for it learns of it.
package struct AbandonedTask: Sendable, Hashable {
    /// Its id.
    package var id: String
    /// The name of the task, for people.
    package var task: String
    /// Its group, if it has one.
    package var group: String?
    /// Its position in the group.
    package var groupIndex: Int?
    /// The task that was to send it, where that was settled beforehand.
    package var parentID: String?
    /// Where its `rpc://` result goes; `nil` for where the failed task's goes.
    package var replyTo: String?
    /// Whether nobody wants its result; a part of a chord counts all the same.
    package var ignoresResult: Bool
    /// The body of the chord that it is a part of: a failed part is to be reported.
    package var chord: JSONValue?
}

extension AbandonedTask {
    /// The tasks that the rest of a chain stands for, as far as they have ids: of a group or a chain all of them, of a
    /// chord those of its body. What is no signature is left out: nobody can wait for it.
    ///
    /// Celery does not look into groups, and whoever waits for one of their tasks waits for ever.
    package static func tasks(of chain: [JSONValue]) -> [AbandonedTask] {
        var tasks: [AbandonedTask] = []
        var left = chain[...]
        while let next = left.popFirst() {
            guard let signature = next.objectValue else { continue }
            let kwargs = signature["kwargs"]?.objectValue
            switch signature["subtask_type"]?.text {
            case "group", "chain": left += kwargs?["tasks"]?.arrayValue ?? []
            case "chord": left += (kwargs?["body"]).map { [$0] } ?? []
            default: if let task = AbandonedTask(signature) { tasks.append(task) }
            }
        }
        return tasks
    }

    private init?(_ signature: JSONObject) {
        guard let options = signature["options"]?.objectValue, let id = options["task_id"]?.text, !id.isEmpty else {
            return nil
        }
        self.id = id
        task = signature["task"]?.text ?? ""
        group = options["group_id"]?.text
        groupIndex = options["group_index"]?.integerValue
        parentID = options["parent_id"]?.text
        replyTo = options["reply_to"]?.text
        ignoresResult = options["ignore_result"]?.isTruthy ?? false
        chord = options["chord"].flatMap { $0.isTruthy ? $0 : nil }
    }
}
