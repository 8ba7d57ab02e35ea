internal import CeleryProtocol
internal import CeleryTransport

/// What follows when there was never a task to run. Celery's workers leave the chord of such a task waiting for ever.
extension FinishingPlanner {
    /// What is to be done with a message that was refused before there was a task to run.
    func plan(after refused: RefusedMessage, hasBackend: Bool) -> FinishingPlan {
        let reason: String
        let failure: TaskFailure
        let task: ReceivedTask?
        switch refused {
        case .unreadable(let error, let message):
            reason = error.reason
            failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: reason)
            task = message.flatMap { ReceivedTask(refused: $0, error) }
        case .notRegistered(let unregistered):
            let request = unregistered.request
            reason = "unregistered task \(PythonRepr.quoted(request.task))"
            failure = TaskFailure(
                type: "NotRegistered", module: "celery.exceptions", arguments: [.string(request.task)],
                traceback: unregistered.explanation)
            task = ReceivedTask(refused: unregistered.message, request)
        }
        // Whoever waits for the result is told, if it can be known.
        guard hasBackend, let task else { return FinishingPlan([.settle(.deadLetter(reason: reason))]) }
        var finished = FinishedTask(task: task, rules: TaskRules(), ending: .ran(.failure(failure)))
        readPayload(of: &finished, limits.ofRefused)
        return plan(after: finished, failure: failure, settlement: .deadLetter(reason: reason))
    }

    /// Reads what was to follow a task from a message that nobody has read so far, or that cannot be read as a whole.
    ///
    /// - Parameter limits: how large the message's body may be; `nil` for the worker's limits.
    func readPayload(of finished: inout FinishedTask, _ limits: BodyLimits? = nil) {
        guard finished.payload == nil else { return }
        finished.payload = TaskPayload(
            sequelOf: finished.task.message, limits ?? self.limits, willRead: LargeBodies.used)
    }
}

extension BodyLimits {
    /// What is read of a message for which there was no task to run: not so much that it would have to wait for its turn.
    fileprivate var ofRefused: BodyLimits {
        BodyLimits(size: min(size, LargeBodyTurns.smallest), memory: min(memory, 4 * LargeBodyTurns.smallest))
    }
}

extension ReceivedTask {
    /// A task as far as a refused message tells of it; `nil` when it tells not even its id.
    fileprivate convenience init?(refused message: Message, _ error: MessageError) {
        guard let id = error.taskID else { return nil }
        var request = TaskRequest(task: error.task ?? "", id: id)
        request.group = message.headers["group"]?.text
        request.groupIndex = message.headers["group_index"]?.integerValue
        request.rootID = message.headers["root_id"]?.text
        request.parentID = message.headers["parent_id"]?.text
        request.replyTo = message.properties.replyTo
        request.correlationID = message.properties.correlationID
        self.init(refused: message, request)
    }

    fileprivate convenience init(refused message: Message, _ request: TaskRequest) {
        let handler = TaskHandler(named: request.task) { _, _, _ in .null }
        self.init(queue: "", message: message, request: request, handler: handler)
    }
}
