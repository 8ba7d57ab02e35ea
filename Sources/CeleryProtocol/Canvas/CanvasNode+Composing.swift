extension CanvasNode {
    /// Tasks side by side, as Celery's `group(...)`.
    package static func group(_ nodes: [CanvasNode]) -> CanvasNode { CanvasNode(.group(nodes)) }

    /// Tasks side by side, and one for the list of their results, as Celery's `chord(header, body)`. A group's own options
    /// are lost, as there.
    package static func chord(_ header: [CanvasNode], _ body: CanvasNode) -> CanvasNode {
        var node = CanvasNode(.chord(.list(header), body: body))
        node.kwargs = ["kwargs": [:]]
        return node
    }

    /// Tasks one after another, as Celery's `chain(...)`: the same as all of them with ``then(_:)`` between them.
    package static func chain(_ nodes: [CanvasNode]) throws(MessageError) -> CanvasNode {
        var merging = ChainMerging()
        for node in nodes { try merging.add(node) }
        return merging.result
    }

    /// Calls `task` with each of `items`, one after another in one message (`celery.map`).
    package static func map(_ task: CanvasNode, over items: [JSONValue]) throws(MessageError) -> CanvasNode {
        CanvasNode(
            task: "celery.map", kwargs: ["task": try task.json, "it": .array(items)], isImmutable: true)
    }

    /// Calls `task` with the elements of each of `items` as its arguments, in one message (`celery.starmap`).
    package static func starmap(_ task: CanvasNode, over items: [JSONValue]) throws(MessageError) -> CanvasNode {
        CanvasNode(
            task: "celery.starmap", kwargs: ["task": try task.json, "it": .array(items)], isImmutable: true)
    }

    /// Starmaps of `size` items each. Sent by itself it is a group of them; within another canvas it is a task of its own,
    /// `celery.chunks`, that sends the group.
    package static func chunks(
        _ task: CanvasNode, over items: [JSONValue], of size: Int
    ) throws(MessageError) -> CanvasNode {
        CanvasNode(
            task: "celery.chunks", kwargs: ["task": try task.json, "it": .array(items), "n": .integer(size)],
            isImmutable: true)
    }

    /// This and then `next`, with the result of this: Celery's `|`, with all of its rules. A group that is followed becomes
    /// a chord's header, what follows a chord goes to its body, a group of one is that one, and an empty one is nothing.
    ///
    /// - Throws: ``MessageError`` for options that hold something else than signatures where links are passed on.
    package func then(_ next: CanvasNode) throws(MessageError) -> CanvasNode {
        switch kind {
        case .task: return try Self.following(self, next)
        case .chain(let nodes): return try Self.following(chain: self, nodes, next)
        case .group(let nodes): return next.isEmptyGroup ? self : .chord(nodes, next)
        case .chord(_, let body):
            let single = next.unrolled
            switch next.kind {
            case .task, .chord: break
            case .group(let nodes) where nodes.count == 1: break
            case .group, .chain: return try Self.following(self, next)
            }
            var copy = try cloned()
            guard case .chord(let header, _) = copy.kind else { return copy }
            copy.kind = .chord(header, body: try body.cloned().then(single))
            return copy
        }
    }

    private static func following(_ first: CanvasNode, _ next: CanvasNode) throws(MessageError) -> CanvasNode {
        if case .chain = next.kind { return CanvasNode(.chain([first] + (try next.unchained))) }
        return CanvasNode(.chain([first, next.unrolled]))
    }

    private static func following(
        chain: CanvasNode, _ nodes: [CanvasNode], _ next: CanvasNode
    ) throws(MessageError) -> CanvasNode {
        if next.isEmptyGroup { return chain }
        if case .group = next.kind {
            let single = next.unrolled
            guard case .group = single.kind else { return try chain.then(single) }
            var nodes = try chain.unchained
            guard let last = nodes.last else { return single }
            if case .chord(let header, let body) = last.kind {
                nodes[nodes.count - 1].kind = .chord(header, body: try body.then(single))
            } else {
                nodes.append(single)
            }
            return CanvasNode(.chain(nodes))
        }
        if case .chain = next.kind {
            var result = chain
            for node in try next.unchained { result = try result.then(node) }
            return result
        }
        switch (nodes.last?.kind, next.kind) {
        case (.group, _):
            var copy = try chain.cloned()
            guard case .chain(var nodes) = copy.kind, case .group(let tasks) = nodes.removeLast().kind else {
                return copy
            }
            let chord = CanvasNode.chord(tasks, next)
            if let previous = nodes.last, case .chord(let header, let body) = previous.kind {
                nodes[nodes.count - 1].kind = .chord(header, body: try body.then(chord))
            } else {
                nodes.append(chord)
            }
            copy.kind = .chain(nodes)
            return copy
        case (.chord, .task):
            var copy = try chain.cloned()
            guard case .chain(var nodes) = copy.kind, let last = nodes.last,
                case .chord(let header, let body) = last.kind
            else { return copy }
            nodes[nodes.count - 1].kind = .chord(header, body: try body.then(next))
            copy.kind = .chain(nodes)
            return copy
        default:
            return CanvasNode(.chain(try chain.unchained + [next]))
        }
    }

    /// Whether it is a group without tasks, which is skipped wherever it stands.
    var isEmptyGroup: Bool {
        if case .group(let nodes) = kind { nodes.isEmpty } else { false }
    }

    /// The only task of a group of one, else itself.
    var unrolled: CanvasNode {
        if case .group(let nodes) = kind, nodes.count == 1 { nodes[0] } else { self }
    }

    /// The tasks of a chain, with what is linked to the whole linked to them: its callbacks to the last one, its errbacks to
    /// all. Of anything else, itself.
    var unchained: [CanvasNode] {
        get throws(MessageError) {
            guard case .chain(let tasks) = kind else { return [self] }
            var nodes = try Self.cloned(tasks)
            let links = try options.list("link")
            let errors = try options.list("link_error")
            guard !nodes.isEmpty else { return [] }
            for link in links { try nodes[nodes.count - 1].link(CanvasNode(link)) }
            for error in errors {
                let errback = try CanvasNode(error)
                for index in nodes.indices { try nodes[index].linkError(errback) }
            }
            return nodes
        }
    }
}
