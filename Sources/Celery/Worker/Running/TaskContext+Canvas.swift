package import CeleryProtocol
internal import CeleryTransport

extension TaskContext {
    /// Ends the task and has this take its place (`Task.replace`): it gets the task's id, and what was to follow the task
    /// follows it. Nothing is stored for the task itself.
    ///
    /// - Throws: always: ``TaskReplacement``, which the handler must let pass; what encoding the arguments throws.
    public func replace<Output>(with signature: Signature<Output>) throws -> Never {
        try replace(with: try signature.canvas(linksErrorsToHeaders: linksErrorsToHeaders))
    }

    /// Ends the task and has a group take its place, whose list of results becomes the task's.
    ///
    /// - Throws: as for a task.
    public func replace<Element>(with group: GroupSignature<Element>) throws -> Never {
        try replace(with: try group.canvas(linksErrorsToHeaders: linksErrorsToHeaders))
    }

    /// Sends tasks or workflows side by side, and what comes before them, as children of this task.
    ///
    /// - Throws: as for a task.
    @discardableResult
    public func enqueue<Element>(
        _ group: GroupSignature<Element>, options: SendOptions = .init()
    ) async throws -> GroupHandle<Element> {
        let (handle, children) = try await sender.send(group, options, parent: request)
        record.add(children)
        return handle
    }

    /// Sends this as a further member of the header of the chord that this task belongs to (`Task.add_to_chord`). Only with
    /// a result backend that counts the parts of chords, as Redis does.
    ///
    /// - Throws: a `TaskFailure` of type `ValueError` when the task belongs to no chord; else as ``enqueue(_:options:)->TaskHandle<Output>``.
    @discardableResult
    public func addToChord<Output>(_ signature: Signature<Output>) async throws -> TaskHandle<Output> {
        let tree = try await addToChord(
            try signature.canvas(linksErrorsToHeaders: linksErrorsToHeaders))
        return TaskHandle(id: tree.id, results: environment.results, decodeOutput: signature.decodeOutput)
    }

    /// Ends the task and has a canvas take its place (`Task.replace`): it gets the task's id, and what was to follow the
    /// task follows it. Nothing is stored for the task itself.
    ///
    /// - Throws: always: ``TaskReplacement``, which the handler must let pass; a `TaskFailure` of type
    ///   `ImproperlyConfigured` for a chain without tasks, and for a canvas that belongs to a chord.
    package func replace(with canvas: CanvasNode) throws -> Never {
        if case .chain(let tasks) = canvas.kind, tasks.isEmpty {
            throw Self.improper("Cannot replace with an empty chain")
        }
        if canvas.options["chord"] != nil {
            throw Self.improper("A signature replacing a task must not be part of a chord")
        }
        throw TaskReplacement(canvas)
    }

    private static func improper(_ message: String) -> TaskFailure {
        TaskFailure(type: "ImproperlyConfigured", module: "celery.exceptions", message: message)
    }

    /// Sends a canvas as a child of this task.
    ///
    /// - Returns: its results; `nil` for a chain without tasks.
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``; `MessageError` for a canvas that cannot be sent.
    @discardableResult
    package func enqueue(_ canvas: CanvasNode) async throws -> ResultTree? {
        try await enqueue(canvas, input: [], options: [:])
    }

    /// Sends a canvas as a child of this task.
    ///
    /// - Parameters:
    ///   - input: what goes before the arguments of the tasks that begin.
    ///   - options: what goes over its options.
    func enqueue(_ canvas: CanvasNode, input: [JSONValue], options: JSONObject) async throws -> ResultTree? {
        let expansion = try await sender.send(canvas, input: input, options: options, parent: request) { $0 }
        record.add(expansion.children.map { OutgoingStep.child($0) })
        return expansion.result
    }

    /// Sends a canvas as a further member of the header of the chord that this task belongs to (`Task.add_to_chord`). Only
    /// with a result backend that counts the parts of chords, as Redis does.
    ///
    /// - Returns: its results.
    /// - Throws: a `TaskFailure` of type `ValueError` when the task belongs to no chord; else as ``enqueue(_:)``.
    @discardableResult
    package func addToChord(_ canvas: CanvasNode) async throws -> ResultTree {
        guard let payload, payload.chord != nil, let group = request.group else {
            throw TaskFailure(type: "ValueError", message: "Current task is not member of any chord")
        }
        let results = try environment.resultsOfChords
        let (node, result) = try canvas.added(
            toChordOf: request, payload, in: try sender.publisher.context(of: request))
        try await results.growChord(group, by: 1)
        _ = try await enqueue(node)
        return result
    }

    private var linksErrorsToHeaders: Bool { environment.publisher?.defaults?.linksErrorsToHeaders ?? false }

    var sender: CanvasSender {
        get throws {
            guard let publisher = environment.publisher else {
                throw CeleryError(.invalidArgument, "this context has no broker to send tasks to")
            }
            return CanvasSender(publisher: publisher, results: environment.results)
        }
    }
}
