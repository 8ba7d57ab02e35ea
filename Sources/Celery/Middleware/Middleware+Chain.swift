internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

extension [any CeleryMiddleware] {
    /// Sends a task through all of them.
    ///
    /// - Throws: what one of them or `publish` throws; ``CeleryError`` when one has kept the task to itself.
    func send(
        _ task: OutgoingTask, publish: @escaping @Sendable (Message, Destination) async throws -> Void
    ) async throws {
        let isSent = Locked(false)
        try await Self.send(task, self[...]) { changed in
            guard changed.message.headers["id"]?.stringValue == task.id else {
                throw CeleryError(.invalidArgument, "middleware has changed the id of the task \(LogText(task.id))")
            }
            try await publish(changed.message, changed.destination)
            isSent.withLock { $0 = true }
        }
        guard isSent.withLock({ $0 }) else {
            throw CeleryError(.notSent, "middleware has not sent the task \(LogText(task.id)), and has not said why")
        }
    }

    private static func send(
        _ task: OutgoingTask, _ rest: ArraySlice<any CeleryMiddleware>,
        last: @escaping @Sendable (OutgoingTask) async throws -> Void
    ) async throws {
        guard let first = rest.first else { return try await last(task) }
        let inner: @Sendable @concurrent (OutgoingTask) async throws -> Void = {
            try await send($0, rest.dropFirst(), last: last)
        }
        let asConcurrent: any ConcurrentMiddleware = first
        let next: (OutgoingTask) async throws -> Void = { try await asConcurrent.send($0, next: inner) }
        try await first.send(task, next: next)
    }

    /// Tells all of them.
    func observe(_ event: @autoclosure () -> WorkerEvent) {
        if isEmpty { return }
        let event = event()
        for middleware in self { middleware.observe(event) }
    }
}

extension TaskHandler {
    /// Runs the body within all of the middleware.
    package func outcome(
        _ context: TaskContext, _ payload: TaskPayload, _ middleware: [any CeleryMiddleware], waited: Duration? = nil
    ) async -> TaskOutcome {
        if middleware.isEmpty { return await outcome(context, payload) }
        let outcome = await outcome(IncomingTask(context, payload, waited: waited), middleware[...])
        // Nothing follows from an interruption, because the message comes back: not from one that was made up.
        guard case .interrupted = outcome, !Task.isCancelled || context.record.exceedsSoftLimit else { return outcome }
        let error = CeleryError(.invalidArgument, "middleware calls a task interrupted that is not")
        return .failure(TaskFailure(error, request: context.request))
    }

    private func outcome(_ task: IncomingTask, _ rest: ArraySlice<any CeleryMiddleware>) async -> TaskOutcome {
        task.context.noteServiceContext()
        guard let first = rest.first else { return await outcome(task.context, task.payload) }
        let inner: @Sendable @concurrent (IncomingTask) async -> TaskOutcome = { await outcome($0, rest.dropFirst()) }
        let asConcurrent: any ConcurrentMiddleware = first
        let next: (IncomingTask) async -> TaskOutcome = { task in
            do {
                return try await asConcurrent.run(task, next: inner)
            } catch {
                return outcome(of: error, task.context, task.payload)
            }
        }
        do {
            return try await first.run(task, next: next)
        } catch {
            return outcome(of: error, task.context, task.payload)
        }
    }
}
