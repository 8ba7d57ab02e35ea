internal import CeleryProtocol
internal import CeleryTransport

/// A task of a workflow that will never run because one before it has failed: its result is that failure, so that
/// whoever waits for it learns of it.
struct AbandonedStep: Sendable {
    private let id: String
    private let replyTo: String?
    private let group: String?
    private let parent: String?

    /// The tasks that these signatures stand for, as far as they have ids and somebody may wait for them: of a group
    /// or a chain all, of a chord those of its body.
    static func steps(_ signatures: [JSONValue]) -> [AbandonedStep] {
        var steps: [AbandonedStep] = []
        var rest = signatures[...]
        while let next = rest.popFirst() {
            guard let signature = next.objectValue else { continue }
            let kwargs = signature["kwargs"]?.objectValue
            switch signature["subtask_type"]?.text {
            case "group", "chain": rest += kwargs?["tasks"]?.arrayValue ?? []
            case "chord": rest += (kwargs?["body"]).map { [$0] } ?? []
            default: if let step = AbandonedStep(signature) { steps.append(step) }
            }
        }
        return steps
    }

    private init?(_ signature: JSONObject) {
        guard let options = signature["options"]?.objectValue, let id = options["task_id"]?.text, !id.isEmpty,
            options["ignore_result"]?.isTruthy != true
        else { return nil }
        self.id = id
        replyTo = options["reply_to"]?.text
        group = options["group_id"]?.text
        parent = options["parent_id"]?.text
    }

    /// The step's end.
    ///
    /// - Parameter request: the task that has failed.
    func result(_ failure: TaskFailure, of request: TaskRequest, now: String?) -> StoredResult {
        StoredResult(
            TaskResult(
                id: id, state: .failure, result: failure.json, traceback: failure.traceback, dateDone: now,
                groupID: group, parentID: parent),
            route: ReplyRoute(replyTo: replyTo ?? request.replyTo, correlationID: id))
    }
}
