internal import CeleryProtocol
internal import CeleryTransport

/// Sends whole canvases, for clients and for running tasks.
struct CanvasSender: Sendable {
    let publisher: TaskPublisher
    let results: (any ResultStore)?

    /// Sends a canvas.
    ///
    /// - Parameters:
    ///   - input: what goes before the arguments of the tasks that begin.
    ///   - options: what goes over its options.
    ///   - parent: the task that sends it; `nil` for a client.
    /// - Returns: what was sent.
    /// - Throws: as ``CeleryClient/enqueue(_:options:)``. Some of it may have been sent then.
    func send(
        _ node: CanvasNode, input: [JSONValue] = [], options: JSONObject = [:], parent: TaskRequest?
    ) async throws -> CanvasExpansion {
        let context = parent.map(CanvasContext.init) ?? CanvasContext(replyTo: publisher.replyTo)
        let expansion = try node.expanded(input: input, options: options, in: context)
        let chords = ChordSupport(results)
        // All of it can be sent, as far as that can be told, before something is.
        let steps = try expansion.steps.compactMap { try publisher.step($0, chords) }
        try await publisher.prepare(results)
        for step in steps { try await carryOut(step, parent) }
        return expansion
    }

    private func carryOut(_ step: CanvasStep, _ parent: TaskRequest?) async throws {
        switch step {
        case .message(let message, let destination):
            if publisher.middleware.isEmpty { return try await publisher.publish(message, to: destination) }
            let task = OutgoingTask(
                message, to: destination, purpose: parent == nil ? .call : .child, parent: parent)
            try await publisher.middleware.send(task) { try await publisher.publish($0, to: $1) }
        case .saveGroup(let tree): try await publisher.tryAFewTimes { try await results?.saveGroup(tree) }
        case .openChord(let opening):
            try await publisher.tryAFewTimes { try await results?.openChord(opening.group, size: opening.size) }
        }
    }
}

extension CanvasContext {
    /// The context of what is sent on behalf of a task.
    init(_ request: TaskRequest) {
        self.init(rootID: request.rootID ?? request.id, parentID: request.id, replyTo: request.replyTo)
    }
}

extension OutgoingTask {
    /// A message of a canvas or of what follows a task.
    init(_ message: Message, to destination: Destination, purpose: Purpose, parent: TaskRequest?) {
        self.init(
            message, to: destination, task: message.headers["task"]?.stringValue ?? "",
            id: message.headers["id"]?.stringValue ?? "", purpose: purpose, parent: parent)
    }
}
