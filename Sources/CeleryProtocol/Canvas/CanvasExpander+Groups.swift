extension CanvasExpander {
    /// What is known of a chord whose header is sent.
    struct Opening {
        let body: CanvasNode
        let header: ResultTree
        let interval: JSONValue?
        let maxRetries: JSONValue?
    }

    /// Sends the tasks of a group.
    ///
    /// - Parameter opening: the chord whose header it is.
    mutating func applyGroup(
        _ node: CanvasNode, _ args: [JSONValue], _ kwargs: JSONObject, _ call: JSONObject, opening: Opening?
    ) throws(MessageError) -> Int {
        guard case .group(let nodes) = node.kind else { return results.addGroup("", []) }
        for key in ["link", "link_error"] where !(call[key]?.isNull ?? true) {
            throw MessageError(
                .invalidTask, "a group cannot be sent with \(PythonRepr.quoted(key)): it belongs to its tasks")
        }
        guard !nodes.isEmpty else {
            var node = node
            return results.addGroup(try node.takeID(nil, context), [])
        }
        var options = node.options
        for (key, value) in call where !Self.lasting.contains(key) || options[key] == nil { options[key] = value }
        let isChild = call["add_to_parent"]?.isTruthy ?? true
        for key in ["link", "link_error"] where options[key]?.isNull ?? false { options[key] = nil }
        let group = try options.take("task_id")?.id(named: "task_id") ?? context.makeID()
        options["group_id"] = .string(group)
        let root = options["root_id"]
        let chord = options.take("chord")
        options["group_index"] = nil
        options["add_to_parent"] = false
        options["chord"] = chord ?? .null

        let tasks = try prepared(nodes, group, root)
        let opening = if let opening { opening } else { try chordOfTasks(tasks, group, chord) }
        var size = 0
        for (index, task) in tasks.enumerated() {
            size += task.node.reportingTasks
            if let opening, index == tasks.count - 1 {
                add(
                    .openChord(
                        ChordOpening(
                            group: group, size: size, header: opening.header, body: opening.body,
                            interval: opening.interval, maxRetries: opening.maxRetries)))
            }
            if chord?.isNull ?? true { options["chord"] = task.node.options["chord"] ?? .null }
            _ = try apply(task.node, args: args, kwargs: kwargs, options: options)
        }
        var result = results.addGroup(group, tasks.map(\.result))
        // A chain that ends with a group.
        if tasks.count == 1, results.isGroup(tasks[0].result) { result = tasks[0].result }
        addChild(result, isChild)
        return result
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

    /// The options of a group that a call does not change.
    private static let lasting: Set = ["group_id", "stamped_headers"]

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
