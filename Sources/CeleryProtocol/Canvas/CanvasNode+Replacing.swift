extension CanvasNode {
    /// The canvas to send in place of a running task, as Celery's `Task.replace`: its last task has the task's id and takes
    /// over what was to follow it, and its place in a group and a chord.
    ///
    /// Send it with the running task's context and without options.
    ///
    /// - Parameters:
    ///   - request: the running task.
    ///   - payload: what is to follow it.
    /// - Throws: ``MessageError`` for a canvas that belongs to a chord already, and for a chain without tasks.
    package func replacing(
        _ request: TaskRequest, _ payload: TaskPayload, in context: CanvasContext
    ) throws(MessageError) -> CanvasNode {
        guard options["chord"] == nil else {
            throw MessageError(.invalidTask, "a canvas that replaces a task must not belong to a chord")
        }
        var node = try chunked().uplifted()
        for callback in payload.callbacks { try node.link(CanvasNode(callback)) }
        for errback in payload.errbacks {
            try node.linkError(CanvasNode(errback), linksHeaders: context.linksErrorsToHeaders)
        }
        try node.moveLinksToLast()
        node = try node.frozen(id: request.id, in: context).node
        let (next, hasOverflown) = request.replacedTaskNesting.addingReportingOverflow(1)
        let nesting = JSONValue.integer(hasOverflown ? .max : next)
        node.options.update([
            "chord": payload.chord ?? .null,
            "group_id": request.group.map(JSONValue.string) ?? .null,
            "group_index": request.groupIndex.map(JSONValue.integer) ?? .null,
            "root_id": request.rootID.map(JSONValue.string) ?? .null,
            "replaced_task_nesting": nesting,
        ])
        if case .chain(var nodes) = node.kind {
            for index in nodes.indices { nodes[index].options["replaced_task_nesting"] = nesting }
            node.kind = .chain(nodes)
        }
        for step in (payload.chain ?? []).reversed() {
            var step = try CanvasNode(step).cloned()
            step.options["replaced_task_nesting"] = nesting
            node = try node.then(step, linksHeaders: context.linksErrorsToHeaders)
        }
        return node
    }

    /// A group as a chord whose body gives the list of the results, so that something can follow all of it.
    private func uplifted() throws(MessageError) -> CanvasNode {
        let accumulate = CanvasNode(task: "celery.accumulate", kwargs: ["index": 0])
        switch kind {
        case .task, .chord: return self
        case .group: return try then(accumulate)
        case .chain(var nodes):
            guard let last = nodes.last else { throw Self.emptyChain }
            guard case .group = last.kind else { return self }
            nodes[nodes.count - 1] = try last.then(accumulate)
            var node = self
            node.kind = .chain(nodes)
            return node
        }
    }

    /// What is linked to a chain, linked to its last task: more tasks are to come after it.
    private mutating func moveLinksToLast() throws(MessageError) {
        guard case .chain(var nodes) = kind, !nodes.isEmpty, options["link"] != nil else { return }
        let links = try options.list("link")
        options["link"] = nil
        nodes[nodes.count - 1].options["link"] = .array(try nodes[nodes.count - 1].options.list("link") + links)
        kind = .chain(nodes)
    }

    /// The signature as a further part of the chord that a running task belongs to, as Celery's `Task.add_to_chord`: it has
    /// to be counted (`growChord`) before it is sent. A group is one part too, whose result is the list of its results; of
    /// Celery's the tasks would report to the group, for which nobody waits.
    ///
    /// - Throws: ``MessageError`` when the task belongs to no chord, and for a chain without tasks.
    package func added(
        toChordOf request: TaskRequest, _ payload: TaskPayload, in context: CanvasContext
    ) throws(MessageError) -> (node: CanvasNode, result: ResultTree) {
        guard let chord = payload.chord else {
            throw MessageError(.invalidTask, "the task belongs to no chord")
        }
        var node = try chunked().uplifted()
        node.options.update([
            "group_id": request.group.map(JSONValue.string) ?? .null,
            "group_index": request.groupIndex.map(JSONValue.integer) ?? .null,
            "chord": chord,
            "root_id": request.rootID.map(JSONValue.string) ?? .null,
        ])
        return try node.frozen(in: context)
    }
}
