extension CanvasExpander {
    /// A chord with its ids, ready to be sent.
    private struct FrozenChord {
        var body: CanvasNode
        var bodyResult: Int
        /// The header, as a group.
        var group: CanvasNode
        var groupID: String
        var members: [Int]
        /// With what the header's tasks are called.
        var args: [JSONValue]
        var kwargs: JSONObject
        var options: JSONObject
        var opening: Opening
    }

    /// Sends the header of a chord, or its body if there is no header.
    ///
    /// The recursion through chords in headers goes through here: little is kept on the stack.
    mutating func applyChord(
        _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ options: JSONObject
    ) throws(MessageError) -> Int {
        let chord = try frozen(node, args, kwargs, options)
        if chord.members.isEmpty {
            _ = try apply(chord.body, args: [[]])
            results.setParent(chord.bodyResult, results.addGroup(chord.groupID, chord.members))
            return chord.bodyResult
        }
        if chord.members.contains(where: results.isGroup) { add(.saveGroup(chord.opening.header)) }
        // Where nobody reports, as an empty group is the body of all that is in the header, nobody would call the body:
        // Celery's chord never ends.
        let isCounted = !chord.body.isEmptyGroup && chord.group.reportingTasks > 0
        let header = try applyGroup(
            chord.group, chord.args, chord.kwargs, chord.options, opening: isCounted ? chord.opening : nil)
        if !isCounted { _ = try apply(chord.body, args: [[]]) }
        results.setParent(chord.bodyResult, header)
        return chord.bodyResult
    }

    private mutating func frozen(
        _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ options: JSONObject
    ) throws(MessageError) -> FrozenChord {
        guard case .chord(let header, let body) = node.kind else { throw CanvasNode.emptyChain }
        var call = options
        // A delay is the header's.
        var delay = call.takeDelay()
        var links = JSONObject()
        for key in ["link", "link_error"] { if let value = call.take(key) { links[key] = value } }
        let callID = try call.take("task_id")?.id(named: "task_id")
        var group = try self.group(header, of: node)
        let groupID = try group.takeID(nil, context)

        var all = node.options
        all.update(call)
        all.update(links)
        let ownID = try all.take("task_id")?.id(named: "task_id")
        let interval = all.take("interval")
        let maxRetries = all.take("max_retries")
        for (key, value) in all.takeDelay() where delay[key] == nil { delay[key] = value }
        for key in ["countdown", "eta"] { all[key] = nil }

        let called = try body.cloned(options: call.without(["parent_id"]))
        let root = called.options["root_id"]
        let (frozenBody, bodyResult) = try frozen(called, id: callID ?? ownID, root: root, in: groupID, &all)
        // What comes after the chord, comes after its body.
        all["chain"] = nil
        all["chord"] = nil
        let members = try group.freezeGroup(
            FreezingTerms(
                group: .string(groupID), chord: try frozenBody.jsonOfBody, root: root), context, &results)
        all.update(delay)
        all["task_id"] = .string(groupID)
        var headerKwargs = try node.kwargs["kwargs"].object("kwargs of a chord's header") ?? [:]
        headerKwargs.update(kwargs)
        let frozenHeader = results.addGroup(groupID, members)
        return FrozenChord(
            body: frozenBody, bodyResult: bodyResult, group: group, groupID: groupID, members: members,
            args: node.isImmutable ? node.args : args + node.args, kwargs: headerKwargs, options: all,
            opening: Opening(
                body: frozenBody, header: results.tree(frozenHeader), interval: interval, maxRetries: maxRetries))
    }

    /// The header as a group that has an id.
    private func group(_ header: CanvasNode.Header, of node: CanvasNode) throws(MessageError) -> CanvasNode {
        switch header {
        case .group(let group): return try group.cloned()
        case .list(let nodes):
            var group = CanvasNode.group(nodes)
            let id = try node.options["task_id"]?.id(named: "task_id") ?? context.makeID()
            group.options["task_id"] = .string(id)
            return group
        }
    }

    /// The body with its ids, and with the links and the options of the chord, which are taken out of `all`.
    private mutating func frozen(
        _ body: CanvasNode, id: String?, root: JSONValue?, in groupID: String, _ all: inout JSONObject
    ) throws(MessageError) -> (body: CanvasNode, result: Int) {
        var body = body
        try body.takeLinks(callbacks: all.list("link"), errbacks: all.list("link_error"))
        all["link"] = nil
        all["link_error"] = nil
        var inherited = all.without(["parent_id"])
        if body.isPartOfChord {
            // It stays that. Celery has it report to the group that this chord is in, which is another one at the end of a
            // chain in a header, or to none, where the chord comes after a task that was replaced; the outer chord never ends.
            inherited["group_id"] = nil
            for key in ["chord", "group_index"] where inherited[key]?.isNull ?? false { inherited[key] = nil }
        }
        body.options.update(inherited)
        try context.rules.unrollChords(of: &body)
        let terms = FreezingTerms(id: id ?? context.makeID(), group: .string(groupID), root: root)
        let result = try body.freeze(terms, context, &results)
        body.stripHeaderLinks()
        return (body, result)
    }
}

extension JSONObject {
    /// Takes out when something is to be sent.
    fileprivate mutating func takeDelay() -> JSONObject {
        var delay = JSONObject()
        for key in ["countdown", "eta"] {
            guard let value = self[key], !value.isNull else { continue }
            delay[key] = take(key)
        }
        return delay
    }
}
