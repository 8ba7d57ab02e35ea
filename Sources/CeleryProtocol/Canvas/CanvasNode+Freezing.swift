/// What a canvas hands down to its parts when they get their ids.
struct FreezingTerms {
    /// The id of a task that has none; of a chain the one of its last task, of a chord that of its body.
    var id: String?
    var group: JSONValue?
    var groupIndex: JSONValue?
    /// The body of the chord that it is a part of.
    var chord: JSONValue?
    var root: JSONValue?
    var parent: JSONValue?
}

extension CanvasNode {
    /// Gives ids to all that has none, as Celery's `freeze`: from then on it is known what its results will be.
    ///
    /// - Parameters:
    ///   - id: the id of the task whose result is that of the whole, if it has none.
    ///   - context: where ids come from, and where `rpc://` results go.
    /// - Throws: ``MessageError`` for a chain without tasks, and for ids that are none.
    package func frozen(
        id: String? = nil, in context: CanvasContext
    ) throws(MessageError) -> (node: CanvasNode, result: ResultTree) {
        var node = self
        var results = ResultArena()
        let result = try node.freeze(FreezingTerms(id: id), context, &results)
        return (node, results.tree(result))
    }

    /// - Returns: the result.
    mutating func freeze(
        _ terms: FreezingTerms, _ context: CanvasContext, _ results: inout ResultArena
    ) throws(MessageError) -> Int {
        try checkDepth()
        switch kind {
        case .task: return results.addTask(try freezeTask(terms, context))
        case .chain: return try freezeChain(terms, context, &results)
        case .group:
            let members = try freezeGroup(terms, context, &results)
            return results.addGroup(try takeID(nil, context), members)
        case .chord(let header, let body):
            return try freezeChord(header, body, terms, context, &results)
        }
    }

    private mutating func freezeTask(
        _ terms: FreezingTerms, _ context: CanvasContext
    ) throws(MessageError) -> String {
        let id = try takeID(terms.id, context)
        if let root = terms.root, root.isTruthy { options.settle("root_id", root) }
        if let parent = terms.parent, parent.isTruthy { options.settle("parent_id", parent) }
        if options["reply_to"] == nil, let replyTo = context.replyTo { options["reply_to"] = .string(replyTo) }
        if let group = terms.group, group.isTruthy, options["group_id"] == nil { options["group_id"] = group }
        if let chord = terms.chord, chord.isTruthy { options["chord"] = chord }
        if let index = terms.groupIndex, !index.isNull { options.settle("group_index", index) }
        return id
    }

    /// The id, which is settled from now on.
    mutating func takeID(_ id: String?, _ context: CanvasContext) throws(MessageError) -> String {
        if let id = try options["task_id"]?.id(named: "task_id") { return id }
        let id = id ?? context.makeID()
        options["task_id"] = .string(id)
        return id
    }

    private mutating func freezeChain(
        _ terms: FreezingTerms, _ context: CanvasContext, _ results: inout ResultArena
    ) throws(MessageError) -> Int {
        guard case .chain(let nodes) = kind else { throw Self.emptyChain }
        let steps = nodes.map(ChainStep.init)
        var preparation = ChainPreparation(steps, copies: false, context)
        try preparation.prepare(terms, &results)
        guard let result = preparation.results.first else { throw Self.emptyChain }
        kind = .chain(steps.map(\.whole))
        options["task_id"] = .string(results.id(result))
        return result
    }

    static let emptyChain = MessageError(.invalidTask, "a chain has no tasks")

    /// Gives ids to the tasks of a group; groups in it are flattened. As in Celery, the tasks of a group within it come
    /// out in reverse order.
    ///
    /// - Returns: the results of its tasks.
    mutating func freezeGroup(
        _ terms: FreezingTerms, _ context: CanvasContext, _ results: inout ResultArena
    ) throws(MessageError) -> [Int] {
        guard case .group(let nodes) = kind else { return [] }
        _ = try takeID(nil, context)
        if let group = terms.group, group.isTruthy { options["group_id"] = group }
        if let chord = terms.chord, chord.isTruthy { options["chord"] = chord }
        if let index = terms.groupIndex, !index.isNull { options["group_index"] = index }
        var handedDown = FreezingTerms(group: terms.group, chord: terms.chord)
        handedDown.root = options.settled("root_id", terms.root)
        handedDown.parent = options.settled("parent_id", terms.parent)
        var left: [CanvasNode] = nodes.reversed()
        var flat: [CanvasNode] = []
        var members: [Int] = []
        flat.reserveCapacity(nodes.count)
        members.reserveCapacity(nodes.count)
        while let next = left.popLast() {
            var node = try next.cloned()
            switch node.kind {
            case .group(let inner): left += inner
            case .chain(let inner) where inner.isEmpty: break
            default:
                handedDown.groupIndex = .integer(flat.count)
                members.append(try node.freeze(handedDown, context, &results))
                flat.append(node)
            }
        }
        kind = .group(flat)
        return members
    }

    private mutating func freezeChord(
        _ header: Header, _ body: CanvasNode, _ terms: FreezingTerms, _ context: CanvasContext,
        _ results: inout ResultArena
    ) throws(MessageError) -> Int {
        var group: CanvasNode
        switch header {
        case .list(let nodes): group = .group(nodes)
        case .group(let node): group = node
        }
        // The tasks of the header carry the body with its ids.
        var body = body
        let result = try body.freeze(
            FreezingTerms(
                id: terms.id, group: terms.group, groupIndex: terms.groupIndex, chord: terms.chord, root: terms.root),
            context, &results)
        let members = try group.freezeGroup(
            FreezingTerms(chord: try body.jsonOfBody, root: terms.root, parent: terms.parent), context, &results)
        let id = try group.takeID(nil, context)
        options["task_id"] = .string(id)
        kind = .chord(.group(group), body: body)
        try results.put(results.addGroup(id, members), before: result)
        return result
    }
}

extension JSONObject {
    /// Sets a short value, and copies nothing where it is there already: the tasks of a header are frozen twice.
    fileprivate mutating func settle(_ key: String, _ value: JSONValue) {
        if self[key] != value { self[key] = value }
    }

    /// The value that is there, or else the one that is put there, as Python's `setdefault`.
    fileprivate mutating func settled(_ key: String, _ value: JSONValue?) -> JSONValue {
        if let value = self[key] { return value }
        self[key] = value ?? .null
        return value ?? .null
    }
}

extension ResultArena {
    /// Makes `parent` the first result of the line that ends with `index`.
    ///
    /// - Throws: ``MessageError`` when an id stands in the line twice: whoever walks it would never come to an end.
    fileprivate mutating func put(_ parent: Int, before index: Int) throws(MessageError) {
        var seen: Set<String> = []
        var index = index
        while true {
            guard seen.insert(id(index)).inserted else {
                throw MessageError(
                    .invalidTask, "the id \(PythonRepr.quoted(id(index))) stands twice in the results of a chord")
            }
            guard let next = self.parent(index) else { break }
            index = next
        }
        setParent(index, parent)
    }
}
