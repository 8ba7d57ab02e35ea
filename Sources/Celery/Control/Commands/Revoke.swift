internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `revoke`: tasks are not to run, by id, and with `terminate` not any longer. Whoever waits for their results is told
    /// at once.
    static let revoke = ControlCommand("revoke") { state, arguments in
        try arguments.demand("task_id")
        return try await state.revoke(arguments, terminates: arguments.flag("terminate"))
    }
}

extension WorkerState {
    /// States after which a task may still be kept from running. Another one is of a worker that has begun with it.
    private static let beforeItRuns: Set<TaskState> = [.pending, .received, .retry, TaskState(rawValue: "REJECTED")]

    /// Revokes tasks.
    ///
    /// - Parameter terminates: whether those that run are ended as well.
    func revoke(_ arguments: ControlArguments, terminates: Bool) async throws(ControlError) -> JSONValue {
        let ids = arguments.strings("task_id")
        // Before anything is done: a request that cannot be obeyed changes nothing.
        let signal = terminates ? try arguments.signal() : nil
        revoked.add(ids)
        let wanted = Set(ids)
        let running = slots.active.all.filter { wanted.contains($0.task.request.id) }
        var known = Set(running.map(\.task.request.id))
        let others = ids.filter { !known.contains($0) }
        guard let signal else {
            logger.info("tasks flagged as revoked", metadata: ["ids": "\(LogText(ids.joined(separator: ", ")))"])
            endRevoked()
            await storeRevoked(others)
            let list = ids.map { PythonRepr.quoted($0) }.joined(separator: ", ")
            return .ok(.string("tasks \(ids.isEmpty ? "set()" : "{\(list)}") flagged as revoked"))
        }
        known.formUnion(slots.reserved.map(\.request.id).filter(wanted.contains))
        known.formUnion(scheduled.map(\.request.id).filter(wanted.contains))
        endRevoked()
        for entry in running { slots.terminate(entry, signal: signal) }
        await storeRevoked(others)
        if known.isEmpty { return .ok("terminate: tasks unknown") }
        return .ok(.string("terminate: \(ids.filter(known.contains).joined(separator: ", "))"))
    }

    /// Stores that tasks are revoked which do not run here and, as far as is known, nowhere else.
    fileprivate func storeRevoked(_ ids: [String]) async {
        guard let results else { return }
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
