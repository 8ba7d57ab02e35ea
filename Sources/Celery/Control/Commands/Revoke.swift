internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `revoke`: tasks are not to run, by id. Whoever waits for their results is told at once.
    static let revoke = ControlCommand("revoke") { state, arguments in
        guard arguments["task_id"] != nil else { throw ControlError.missing(["task_id"], of: "revoke") }
        let ids = arguments.strings("task_id")
        state.revoked.add(ids)
        state.logger.info("tasks flagged as revoked", metadata: ["ids": "\(LogText(ids.joined(separator: ", ")))"])
        state.endRevoked()
        await state.storeRevoked(ids)
        let list = ids.map { PythonRepr.quoted($0) }.joined(separator: ", ")
        return .ok(.string("tasks {\(list)} flagged as revoked"))
    }
}

extension WorkerState {
    /// States after which a task may still be kept from running. Another one is of a worker that has begun with it.
    private static let beforeItRuns: Set<TaskState> = [.pending, .received, .retry, TaskState(rawValue: "REJECTED")]

    /// Stores that tasks are revoked which do not run here and, as far as is known, nowhere else.
    fileprivate func storeRevoked(_ ids: [String]) async {
        guard let results else { return }
        let running = Set(slots.active.all.map(\.task.request.id))
        let ids = ids.filter { !running.contains($0) }
        do {
            let known = try await results.results(of: ids)
            let failure = TaskFailure(type: "TaskRevokedError", module: "celery.exceptions", message: "revoked")
            let now = try PythonDateTime(options.clock.now).isoFormat
            try await results.store(
                ids.filter { Self.beforeItRuns.contains(known[$0]?.state ?? .pending) }.map { id in
                    StoredResult(
                        TaskResult(id: id, state: .revoked, result: failure.json, dateDone: now),
                        route: ReplyRoute(replyTo: nil, correlationID: id))
                })
        } catch let error as TransportError where error.code == .unsupported {
            // Where results come as replies nobody knows of the tasks of others.
        } catch {
            logger.warning("it is not stored that tasks are revoked", metadata: [LoggingKeys.error: "\(error)"])
        }
    }
}
