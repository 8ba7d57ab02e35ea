internal import CeleryProtocol
internal import CeleryTransport

extension TaskPublisher {
    /// As many messages are made and published in one go.
    static let largestBatch = 500
    /// As many batches are under way at a time, and one more is made meanwhile.
    static let largestWindow = 4

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
        try await publish(calls.indices, retries: options.publishRetries) { indices in
            try indices.map { index in
                let call = calls[index]
                var request = request(for: call.taskName, id: RandomID.make(), options, parent: parent)
                request.group = group
                request.groupIndex = index
                let (message, destination) = try message(
                    request, TaskPayload(args: call.args, kwargs: call.kwargs), options, replyTo: replyTo,
                    inherited: inheritedPriority(of: parent, options))
                tasks.append(
                    TaskHandle(
                        id: request.id, results: results, sent: begin, isIgnored: wanted == nil && results != nil,
                        decodeOutput: decoders[index]))
                return OutgoingTask(message, to: destination, parent: parent)
            }
        }
        return GroupHandle(id: group, tasks: tasks, results: results)
    }

    /// Sends a great many tasks, batch after batch, in no particular order: while the broker confirms some batches the
    /// next ones are made and written.
    ///
    /// - Parameters:
    ///   - retries: how often a batch is tried again; `nil` for the default.
    ///   - makeTasks: makes the tasks of a batch.
    /// - Throws: what goes wrong with the first batch that is not sent, or what `makeTasks` throws. No further batch is
    ///   begun then; those under way are sent before.
    func publish<Steps: RandomAccessCollection>(
        _ steps: Steps, retries: Int?, _ makeTasks: (Steps.SubSequence) throws -> [OutgoingTask]
    ) async throws {
        let failure = await withTaskGroup(of: (Int, (any Error)?).self) { window in
            var failures: [Int: any Error] = [:]
            var underWay = 0
            var number = 0
            var left = steps[...]
            while !left.isEmpty, failures.isEmpty {
                do {
                    let tasks = try makeTasks(left.prefix(Self.largestBatch))
                    left = left.dropFirst(Self.largestBatch)
                    if underWay == Self.largestWindow, let (ended, failure) = await window.next() {
                        underWay -= 1
                        failures[ended] = failure
                        guard failure == nil else { break }
                    }
                    window.addTask { [number] in
                        do {
                            try await self.publish(tasks, retries: retries)
                            return (number, nil)
                        } catch {
                            return (number, error)
                        }
                    }
                    underWay += 1
                    number += 1
                } catch {
                    failures[number] = error
                }
            }
            for await (ended, failure) in window { failures[ended] = failure }
            return failures.min { $0.key < $1.key }?.value
        }
        if let failure { throw failure }
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
