public import CeleryProtocol
internal import CeleryTransport

extension CeleryClient {
    /// What workers and clients tell of themselves and of tasks from now on, in whichever language, as `celery events` shows it.
    ///
    ///     for try await event in try await client.events() {
    ///         if case .taskFailed(let exception, _) = event.content { print(event.node, exception ?? "") }
    ///     }
    ///
    /// Workers tell of tasks only with ``CeleryWorker/Options/sendsTaskEvents``, or when remote control has told them
    /// `enable_events`. Nothing is kept for those who do not listen. A message that cannot be read is skipped with a line of the
    /// log; a connection that is lost is made anew, and what was told meanwhile is lost. Who reads slower than events come loses
    /// some: RabbitMQ drops those that are older than ``EventOptions/timeToLive``, and on Redis no more than 10,000 messages are
    /// kept here, with a line of the log. The sequence has no end; it ends with the task that reads it, and it is read by one.
    ///
    /// - Parameters:
    ///   - pattern: which events, by their types with dots: `task.#`, `worker.heartbeat`; `#` for all. Workers send the events of
    ///     tasks as `task.multi`, so that `task.failed` gets next to nothing.
    ///   - asksForHeartbeats: whether all workers are asked for a heartbeat, so that they need not be waited for.
    /// - Returns: the events, when they are listened to.
    /// - Throws: `TransportError` when the broker cannot be reached or refuses; so does the sequence when it refuses later.
    public func events(
        matching pattern: String = "#", asksForHeartbeats: Bool = true
    ) async throws -> AsyncThrowingStream<CeleryEvent, any Error> {
        let reader = EventReader(
            broker: broker, options: eventOptions, pattern: pattern, clock: control.clock, logger: publisher.logger
        ) { [control] in
            if asksForHeartbeats { try await control.tell("heartbeat") }
        }
        try await reader.connect()
        return AsyncThrowingStream { try await reader.next() }
    }
}
