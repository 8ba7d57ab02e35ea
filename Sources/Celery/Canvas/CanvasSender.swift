internal import CeleryProtocol
internal import CeleryTransport

/// Sends whole canvases, for clients and for running tasks.
struct CanvasSender: Sendable {
    let publisher: TaskPublisher
    let results: (any ResultStore)?

    /// Sends a call or a workflow.
    ///
    /// - Parameter parent: the task that sends it; `nil` for a client.
    /// - Returns: a handle on its result, and what a task that sends it has among its children then.
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``. Some of a workflow may have been sent then.
    func send<Output>(
        _ signature: Signature<Output>, _ options: SendOptions, parent: TaskRequest?
    ) async throws -> (handle: TaskHandle<Output>, children: [JSONValue]) {
        try publisher.check(signature.task, options)
        let start = ContinuousClock.now
        let context = publisher.context(of: parent, options)
        let canvas = try signature.canvas(linksErrorsToHeaders: context.linksErrorsToHeaders)
        if canvas.isPlainCall {
            let payload = TaskPayload(args: canvas.args, kwargs: canvas.kwargs)
            let handle = try await publisher.send(signature, payload, options, parent: parent, results: results)
            return (handle, [OutgoingStep.child(handle.id)])
        }
        return try await send(canvas, options: try options.asSignatureOptions(), in: context, parent: parent) {
            expansion in
            guard let result = expansion.result else { throw Self.nothingToSend }
            let isIgnored = canvas.ignoresResults(options.ignoreResult, else: publisher.defaults?.ignoreResult)
            // Before it is sent: whether it was is not certain when sending fails, and the result may come soon.
            let handle = TaskHandle(
                id: result.id, results: results, sent: start, isIgnored: isIgnored.first ?? false,
                decodeOutput: signature.decodeOutput)
            return (handle, expansion.children.map { OutgoingStep.child($0) })
        }
    }

    /// Sends tasks or workflows side by side, and what comes before them.
    ///
    /// - Parameter parent: the task that sends it; `nil` for a client.
    /// - Returns: a handle on their results, and what a task that sends it has among its children then.
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``. Some of it may have been sent then.
    func send<Element>(
        _ group: GroupSignature<Element>, _ options: SendOptions, parent: TaskRequest?
    ) async throws -> (handle: GroupHandle<Element>, children: [JSONValue]) {
        try publisher.check("celery.group", options)
        try options.checkThatNoTaskIsNamed()
        let start = ContinuousClock.now
        let context = publisher.context(of: parent, options)
        let canvas = try group.canvas(linksErrorsToHeaders: context.linksErrorsToHeaders)
        if case .group(let members) = canvas.kind, members.allSatisfy(\.isPlainCall) {
            let handle = try await publisher.send(
                members, group.decodeElements, options, parent: parent, results: results)
            return (handle, [OutgoingStep.child(handle.tree)])
        }
        return try await send(canvas, options: try options.asSignatureOptions(), in: context, parent: parent) {
            expansion in
            guard let result = expansion.result else { throw Self.nothingToSend }
            // A group of one is that one, without a group.
            let ids = result.members?.map(\.id) ?? [result.id]
            let isIgnored = canvas.ignoresResults(options.ignoreResult, else: publisher.defaults?.ignoreResult)
            let tasks = zip(ids, group.decodeElements).enumerated().map { index, task in
                TaskHandle(
                    id: task.0, results: results, sent: start,
                    isIgnored: isIgnored.indices.contains(index) && isIgnored[index], decodeOutput: task.1)
            }
            let handle = GroupHandle(id: result.id, tasks: tasks, results: results)
            return (handle, expansion.children.map { OutgoingStep.child($0) })
        }
    }

    /// Sends a canvas.
    ///
    /// - Parameters:
    ///   - input: what goes before the arguments of the tasks that begin.
    ///   - options: what goes over its options.
    ///   - context: what the sender supplies; `nil` for what its default options say.
    ///   - parent: the task that sends it; `nil` for a client.
    ///   - willSend: gets what is going to be sent, before anything is.
    /// - Returns: what `willSend` makes of it.
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``. Some of it may have been sent then.
    func send<Result>(
        _ node: CanvasNode, input: [JSONValue] = [], options: JSONObject = [:], in context: CanvasContext? = nil,
        parent: TaskRequest?, willSend: (CanvasExpansion) throws -> Result
    ) async throws -> Result {
        let context = context ?? publisher.context(of: parent)
        let expansion = try node.expanded(input: input, options: options, in: context)
        let chords = ChordSupport(results)
        // All of it can be sent, as far as that can be told, before something is.
        for step in expansion.steps { try publisher.check(step, chords) }
        // The sending is one, and so are its further tries: as many as any of its tasks asks for.
        let retries = expansion.steps.lazy.compactMap { $0.task?.publishRetries }.max()
        try await publisher.prepare(results)
        let result = try willSend(expansion)
        // Messages are made when they are sent: those of a large group are more than its tasks.
        var left = expansion.steps[...]
        while let step = left.first {
            guard let group = left.leadingGroup(by: \.group) else {
                left = left.dropFirst()
                if let step = try publisher.step(step, chords) { try await carryOut(step, parent, retries) }
                continue
            }
            left = left.dropFirst(group.count)
            try await publisher.publish(group, retries: retries) { batch in
                try batch.compactMap { step in
                    guard case .message(let message, let destination)? = try publisher.step(step, chords) else {
                        return nil
                    }
                    return OutgoingTask(message, to: destination, parent: parent)
                }
            }
        }
        return result
    }

    private static let nothingToSend = CeleryError(.invalidArgument, "the workflow has no tasks: nothing was sent")

    private func carryOut(_ step: CanvasStep, _ parent: TaskRequest?, _ retries: Int?) async throws {
        switch step {
        case .message(let message, let destination):
            try await publisher.send(message, to: destination, parent: parent, retries: retries)
        case .saveGroup(let tree): try await publisher.tryAFewTimes(retries) { try await results?.saveGroup(tree) }
        case .openChord(let opening):
            try await publisher.tryAFewTimes(retries) {
                try await results?.openChord(opening.group, size: opening.size)
            }
        }
    }
}

extension CanvasExpansion.Step {
    /// The task whose message it sends, if it sends one.
    fileprivate var task: CanvasTask? {
        if case .send(let task) = self { task } else { nil }
    }

    /// The id of the group that the message belongs to; `nil` for none.
    fileprivate var group: String? { task?.request.group }
}

extension CanvasNode {
    /// Whether its result is stored nowhere; of what ends with a group that of each member.
    ///
    /// - Parameters:
    ///   - given: what the options say with which it is sent; as in Celery those of a chain are its first step's.
    ///   - other: what counts of a task that the sender itself sends where nothing is said.
    fileprivate func ignoresResults(_ given: Bool?, else other: Bool?) -> [Bool] {
        let own = options["ignore_result"].flatMap { $0.isNull ? nil : $0.isTruthy }
        switch kind {
        case .task: return [given ?? own ?? other ?? false]
        case .chain(let steps):
            if steps.count == 1 { return steps[0].ignoresResults(given ?? own, else: other) }
            return steps.last?.ignoresResults(nil, else: nil) ?? []
        case .chord(_, let body): return body.ignoresResults(given ?? own, else: nil)
        case .group(let members): return members.map { $0.ignoresResults(given ?? own, else: other).first ?? false }
        }
    }

    /// Whether it is a call and nothing else, which needs no rules.
    fileprivate var isPlainCall: Bool {
        guard case .task(let name) = kind, options.isEmpty else { return false }
        return !name.hasPrefix("celery.")
    }
}
