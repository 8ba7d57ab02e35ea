internal import CeleryProtocol
internal import CeleryTransport

extension TaskPublisher {
    /// As many messages are made and published in one go.
    static let largestBatch = 500

    /// Sends new tasks that nothing follows as a group.
    ///
    /// - Parameters:
    ///   - calls: the tasks.
    ///   - decoders: reads the result of each.
    ///   - parent: the task that sends them; `nil` for a client.
    ///   - results: where their results will be read.
    func send<Output>(
        _ calls: [CanvasNode], _ decoders: [@Sendable (JSONValue) throws -> Output], _ options: SendOptions,
        parent: TaskRequest?, results: (any ResultStore)?
    ) async throws -> GroupHandle<Output> {
        for call in calls { try check(call.taskName, options) }
        let begin = ContinuousClock.now
        let wanted = wanted(results, options)
        try await prepare(wanted)
        let group = RandomID.make()
        var tasks: [TaskHandle<Output>] = []
        tasks.reserveCapacity(calls.count)
        for start in stride(from: 0, to: calls.count, by: Self.largestBatch) {
            var batch: [OutgoingTask] = []
            for index in start..<min(start + Self.largestBatch, calls.count) {
                let call = calls[index]
                var request = request(for: call.taskName, id: RandomID.make(), options, parent: parent)
                request.group = group
                request.groupIndex = index
                let (message, destination) = try message(
                    request, TaskPayload(args: call.args, kwargs: call.kwargs), options, replyTo: replyTo,
                    inherited: inheritedPriority(of: parent, options))
                batch.append(OutgoingTask(message, to: destination, parent: parent))
                tasks.append(
                    TaskHandle(
                        id: request.id, results: results, sent: begin, isIgnored: wanted == nil && results != nil,
                        decodeOutput: decoders[index]))
            }
            try await publish(batch, retries: options.publishRetries)
        }
        return GroupHandle(id: group, tasks: tasks, results: results)
    }

    /// Sends tasks, in no particular order.
    ///
    /// - Parameter retries: how often it is tried again; `nil` for the default.
    func publish(_ tasks: [OutgoingTask], retries: Int?) async throws {
        if middleware.isEmpty {
            return try await publish(contentsOf: tasks.map { ($0.message, $0.destination) }, retries: retries)
        }
        // Each is within its middleware until it is sent.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in tasks {
                group.addTask {
                    try await self.middleware.send(task) { try await self.publish($0, to: $1, retries: retries) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Sends messages as they are, with one call of the broker.
    private func publish(
        contentsOf messages: [(message: Message, destination: Destination)], retries: Int?
    ) async throws {
        var open = messages
        try await tryAFewTimes(retries) {
            let (producer, generation) = try await connection()
            let failures = await producer.publish(contentsOf: open)
            if failures.isEmpty { return }
            let errors = failures.sorted { $0.key < $1.key }.map(\.value)
            let codes = errors.compactMap { ($0 as? TransportError)?.code }
            if codes.contains(.connectionLost) || codes.contains(.closed) { report(broken: generation) }
            // Those that the broker took are not sent again.
            open = failures.keys.sorted().map { open[$0] }
            throw errors.first { !(($0 as? TransportError)?.isRetriable ?? false) } ?? errors[0]
        }
    }
}
