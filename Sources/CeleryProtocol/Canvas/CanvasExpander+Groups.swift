extension CanvasExpander {
    /// What is known of a chord whose header is sent.
    struct Opening {
        let body: CanvasNode
        let header: ResultTree
        let interval: JSONValue?
        let maxRetries: JSONValue?
    }

    /// A group whose tasks have their ids, ready to be sent.
    private struct FrozenGroup {
        var id: String
        var tasks: [(node: CanvasNode, result: Int)] = []
        /// With what its tasks are called.
        var options: JSONObject = [:]
        /// Whether each task names the chord that it is a part of by itself.
        var hasOwnChords = true
        /// The chord whose header it is.
        var opening: Opening?
    }

    /// Sends the tasks of a group.
    ///
    /// The recursion through groups goes through here: little is kept on the stack.
    ///
    /// - Parameter opening: the chord whose header it is.
    mutating func applyGroup(
        _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ call: JSONObject, opening: Opening?
    ) throws(MessageError) -> Int {
        var group = try frozen(node, call, opening)
        // With the opening of a chord.
        reserve(group.tasks.count + 1)
        var size = 0
        for index in group.tasks.indices {
            size += group.tasks[index].node.reportingTasks
            if index == group.tasks.count - 1 { open(group, size) }
            if group.hasOwnChords { group.options["chord"] = group.tasks[index].node.options["chord"] ?? .null }
            _ = try apply(group.tasks[index].node, args: args, kwargs: kwargs, options: group.options)
        }
        return result(group, isChild: call["add_to_parent"]?.isTruthy ?? true)
    }

    private mutating func open(_ group: FrozenGroup, _ size: Int) {
        guard let opening = group.opening else { return }
        add(
            .openChord(
                ChordOpening(
                    group: group.id, size: size, header: opening.header, body: opening.body,
                    interval: opening.interval, maxRetries: opening.maxRetries)))
    }

    private mutating func result(_ group: FrozenGroup, isChild: Bool) -> Int {
        // A chain that ends with a group.
        if group.tasks.count == 1, results.isGroup(group.tasks[0].result) {
            addChild(group.tasks[0].result, isChild)
            return group.tasks[0].result
        }
        let result = results.addGroup(group.id, group.tasks.map(\.result))
        // As in Celery, nobody's child without tasks.
        addChild(result, isChild && !group.tasks.isEmpty)
        return result
    }

    private mutating func frozen(
        _ node: CanvasNode, _ call: JSONObject, _ opening: Opening?
    ) throws(MessageError) -> FrozenGroup {
        guard case .group(let nodes) = node.kind else { throw CanvasNode.emptyChain }
        for key in ["link", "link_error"] where !(call[key]?.isNull ?? true) {
            throw MessageError(
                .invalidTask, "a group cannot be sent with \(PythonRepr.quoted(key)): it belongs to its tasks")
        }
        guard !nodes.isEmpty else {
            var node = node
            return FrozenGroup(id: try node.takeID(nil, context))
        }
        var options = node.options
        for (key, value) in call where !CanvasNode.lasting.contains(key) || options[key] == nil { options[key] = value }
        for key in ["link", "link_error"] where options[key]?.isNull ?? false { options[key] = nil }
        let id = try options.take("task_id")?.id(named: "task_id") ?? context.makeID()
        options["group_id"] = .string(id)
        let root = options["root_id"]
        let chord = options.take("chord")
        options["group_index"] = nil
        options["add_to_parent"] = false
        options["chord"] = chord ?? .null
        let tasks = try prepared(nodes, id, root)
        return FrozenGroup(
            id: id, tasks: tasks, options: options, hasOwnChords: chord?.isNull ?? true,
            opening: opening == nil ? try chordOfTasks(tasks, id, chord) : opening)
    }

    /// The chord that the tasks of a group make up by themselves, as that of a group at the end of a chain in a header is
    /// sent by Celery up to 5.6. From 5.7 on they report to the header that the chain is in, and nothing is to be opened.
    private func chordOfTasks(
        _ tasks: [(node: CanvasNode, result: Int)], _ group: String, _ chord: JSONValue?
    ) throws(MessageError) -> Opening? {
        guard let last = tasks.last?.node, last.reports(to: group) else { return nil }
        let body = if let chord, !chord.isNull { chord } else { last.options["chord"] ?? .null }
        guard body.isTruthy else { return nil }
        var header = ResultTree(group: group, members: [])
        header.members = tasks.map { results.tree($0.result) }
        return Opening(body: try CanvasNode(body), header: header, interval: nil, maxRetries: nil)
    }

    /// The tasks of a group with their ids. Groups in it are flattened; as in Celery, the indexes begin anew in each.
    private mutating func prepared(
        _ nodes: [CanvasNode], _ group: String, _ root: JSONValue?
    ) throws(MessageError) -> [(node: CanvasNode, result: Int)] {
        var tasks: [(node: CanvasNode, result: Int)] = []
        tasks.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            var node = try node.cloned()
            switch node.kind {
            case .group(let inner): tasks += try prepared(inner, group, root)
            case .chain(let inner) where inner.isEmpty: break
            default:
                let terms = FreezingTerms(group: .string(group), groupIndex: .integer(index), root: root)
                let result = try node.freeze(terms, context, &results)
                tasks.append((node, result))
            }
        }
        return tasks
    }
}
