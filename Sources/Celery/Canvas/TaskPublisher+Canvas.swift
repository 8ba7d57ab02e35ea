internal import CeleryProtocol
internal import CeleryTransport

extension TaskPublisher {
    /// What a canvas is sent with.
    ///
    /// - Parameters:
    ///   - parent: the task on whose behalf it is sent; `nil` for a client.
    ///   - options: what counts before the defaults.
    func context(of parent: TaskRequest?, _ options: SendOptions? = nil) -> CanvasContext {
        var context = CanvasContext(replyTo: replyTo)
        if let parent {
            context.rootID = parent.rootID ?? parent.id
            context.parentID = parent.id
            context.replyTo = parent.replyTo
            context.priority = inheritedPriority(of: parent, options)
        }
        context.linksErrorsToHeaders =
            options?.linksErrorsToHeaders ?? defaults?.linksErrorsToHeaders ?? false
        return context
    }

    /// The priority that tasks have which say none; `nil` where it is not that of the task that sends them.
    func inheritedPriority(of parent: TaskRequest?, _ options: SendOptions?) -> Int? {
        guard let parent, options?.inheritsPriority ?? defaults?.inheritsPriority ?? false else { return nil }
        return parent.priority
    }

    /// What is to be done to send a canvas, with its messages made.
    ///
    /// - Parameter chords: how chords are joined where the results go.
    /// - Throws: ``MessageError`` for options that make no sense; ``CeleryError`` for a chord where there are none.
    func step(_ step: CanvasExpansion.Step, _ chords: ChordSupport) throws -> CanvasStep? {
        switch step {
        case .send(let task):
            let (message, destination) = try message(task)
            return .message(message, destination)
        case .saveGroup(let tree): return chords == .counted ? .saveGroup(tree) : nil
        case .openChord(let opening):
            switch chords {
            case .counted: return .openChord(opening)
            case .polled:
                let (message, destination) = try unlockMessage(opening)
                return .message(message, destination)
            case .none(let reason): throw CeleryError(.invalidArgument, reason)
            }
        }
    }

    /// Checks that a step can be taken, as far as that can be told without making its message.
    ///
    /// - Throws: as ``step(_:_:)``.
    func check(_ step: CanvasExpansion.Step, _ chords: ChordSupport) throws {
        switch step {
        case .send(let task): try check(queueOf: try TaskSending(task).options)
        case .saveGroup: break
        case .openChord: if case .none(let reason) = chords { throw CeleryError(.invalidArgument, reason) }
        }
    }

    /// The message of a task of a canvas, and its way.
    func message(_ task: CanvasTask) throws -> (message: Message, destination: Destination) {
        let options = try TaskSending(task)
        var made = try message(
            task.request, task.payload, options.options, replyTo: task.request.replyTo, routedAs: task.routeName,
            inherited: task.inheritedPriority)
        if let mode = options.deliveryMode { made.message.properties.deliveryMode = mode }
        return made
    }

    /// The message of the task that looks after a chord which nobody counts (Celery's `fallback_chord_unlock`).
    private func unlockMessage(_ opening: ChordOpening) throws -> (message: Message, destination: Destination) {
        let body = opening.body
        var node = CanvasNode(
            task: "celery.chord_unlock", args: [.string(opening.group), try body.json],
            kwargs: [
                "interval": opening.interval ?? .null, "max_retries": opening.maxRetries ?? .null,
                "result": .array(try (opening.header.members ?? []).map { try $0.json }),
                "_chord_unlock_exchange_type": "direct",
            ],
            options: ["countdown": 1, "ignore_result": true, "route_name": .string(body.taskName)])
        for key in ["queue", "exchange", "routing_key", "priority"] { node.options[key] = body.options[key] }
        guard let task = try node.expanded(in: CanvasContext()).tasks.first else {
            throw MessageError(.invalidTask, "nothing can look after the chord \(PythonRepr.quoted(opening.group))")
        }
        return try message(task)
    }
}
