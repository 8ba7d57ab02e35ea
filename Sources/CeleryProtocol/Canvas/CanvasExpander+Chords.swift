extension CanvasExpander {
    /// Sends the header of a chord, or its body if there is no header.
    mutating func applyChord(
        _ node: CanvasNode, _ header: CanvasNode.Header, _ body: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject,
        _ options: JSONObject
    ) throws(MessageError) -> Int? {
        var call = options
        // A delay is the header's.
        var delay = call.takeDelay()
        var links = JSONObject()
        for key in ["link", "link_error"] { if let value = call.take(key) { links[key] = value } }
        let callID = try call.take("task_id")?.id(named: "task_id")
        var body = try body.cloned(options: call.without(["parent_id"]))
        var group: CanvasNode
        switch header {
        case .group(let node): group = try node.cloned()
        case .list(let nodes):
            group = .group(nodes)
            group.options["task_id"] = .string(try node.options["task_id"]?.id(named: "task_id") ?? context.makeID())
        }
        let groupID = try group.takeID(nil, context)
        let root = body.options["root_id"]

        var all = node.options
        all.update(call)
        all.update(links)
        let ownID = try all.take("task_id")?.id(named: "task_id")
        let interval = all.take("interval")
        let maxRetries = all.take("max_retries")
        let ownDelay = all.takeDelay()
        for (key, value) in ownDelay where delay[key] == nil { delay[key] = value }
        for key in ["countdown", "eta"] { all[key] = nil }

        let callbacks = try all.list("link")
        let errbacks = try all.list("link_error")
        all["link"] = nil
        all["link_error"] = nil
        try body.takeLinks(callbacks: callbacks, errbacks: errbacks)
        // A task that is a part of a chord stays that. Celery has it report to the group that this chord is in, which is
        // another one at the end of a chain in a header, and the outer chord never ends.
        body.options.update(all.without(body.isPartOfChord ? ["parent_id", "group_id"] : ["parent_id"]))
        try context.rules.unrollChords(of: &body)
        let result = try body.freeze(
            FreezingTerms(id: callID ?? ownID ?? context.makeID(), group: .string(groupID), root: root),
            context, &results)
        body.stripHeaderLinks()

        // What comes after the chord, comes after its body.
        all["chain"] = nil
        all["chord"] = nil
        let members = try group.freezeGroup(
            FreezingTerms(group: .string(groupID), chord: try body.jsonOfBody, root: root), context, &results)
        let headerResult: Int
        if members.isEmpty {
            _ = try apply(body, args: [[]])
            headerResult = results.addGroup(groupID, members)
        } else {
            let frozenHeader = results.addGroup(groupID, members)
            let tree = results.tree(frozenHeader)
            if members.contains(where: results.isGroup) { add(.saveGroup(tree)) }
            all.update(delay)
            all["task_id"] = .string(groupID)
            var headerArgs = node.args
            if !args.isEmpty, !node.isImmutable { headerArgs = args + headerArgs }
            var headerKwargs = try node.kwargs["kwargs"].object("kwargs of a chord's header") ?? [:]
            headerKwargs.update(kwargs)
            // Where nobody reports, as an empty group is the body of all that is in the header, nobody would call the body:
            // Celery's chord never ends.
            let isCounted = !body.isEmptyGroup && group.reportingTasks > 0
            let opening = Opening(body: body, header: tree, interval: interval, maxRetries: maxRetries)
            headerResult = try applyGroup(
                group, headerArgs, headerKwargs, all, opening: isCounted ? opening : nil)
            if !isCounted { _ = try apply(body, args: [[]]) }
        }
        results.setParent(result, headerResult)
        return result
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
