/// Celery's rules of what becomes of two signatures that follow each other.
struct CanvasRules {
    /// Whether what is linked to a chord's failure is linked to the tasks of its header too.
    let linksHeaders: Bool
    /// Whether groups of one and of none stay groups, for what follows them to get a list. Celery has the only task of the
    /// one in its place, and skips the other.
    var keepsSmallGroups = false

    /// `first | next`.
    func sequence(_ first: CanvasNode, _ next: CanvasNode) throws(MessageError) -> CanvasNode {
        switch first.kind {
        case .task: return try chain(first, next)
        case .chain(let nodes): return try sequence(chain: first, nodes, next)
        case .group(let nodes): return isSkipped(next) ? first : .chord(nodes, next)
        case .chord:
            switch next.kind {
            case .task, .chord: break
            case .group(let nodes) where nodes.count == 1 && !keepsSmallGroups: break
            case .group, .chain: return try chain(first, next)
            }
            return try inBody(of: try first.cloned(), unrolled(next))
        }
    }

    /// Whether it is a group without tasks that counts for nothing.
    func isSkipped(_ node: CanvasNode) -> Bool { node.isEmptyGroup && !keepsSmallGroups }

    /// What stands in a chain for it: of a group of one its only task.
    func unrolled(_ node: CanvasNode) -> CanvasNode {
        if case .group(let nodes) = node.kind, nodes.count == 1, !keepsSmallGroups { nodes[0] } else { node }
    }

    private func chain(_ first: CanvasNode, _ next: CanvasNode) throws(MessageError) -> CanvasNode {
        if case .chain = next.kind { return CanvasNode(.chain([first] + (try unchained(next)))) }
        return CanvasNode(.chain([first, unrolled(next)]))
    }

    private func sequence(
        chain: CanvasNode, _ nodes: [CanvasNode], _ next: CanvasNode
    ) throws(MessageError) -> CanvasNode {
        if isSkipped(next) { return chain }
        switch (nodes.last?.kind, next.kind) {
        case (_, .group):
            let single = unrolled(next)
            guard case .group = single.kind else { return try sequence(chain, single) }
            var nodes = try unchained(chain)
            guard let last = nodes.popLast() else { return single }
            if case .chord = last.kind {
                nodes.append(try inBody(of: last, single))
            } else {
                nodes += [last, single]
            }
            return CanvasNode(.chain(nodes))
        case (_, .chain):
            var result = chain
            for node in try unchained(next) { result = try sequence(result, node) }
            return result
        case (.group(let tasks), _):
            return try replacingLast(of: chain) { nodes throws(MessageError) in
                let chord = CanvasNode.chord(tasks, next)
                guard let previous = nodes.last, case .chord = previous.kind else { return nodes.append(chord) }
                nodes[nodes.count - 1] = try inBody(of: previous, chord)
            }
        case (.chord, .task):
            guard let last = nodes.last else { return chain }
            return try replacingLast(of: chain) { nodes throws(MessageError) in
                nodes.append(try inBody(of: try last.cloned(), next))
            }
        default:
            return CanvasNode(.chain(try unchained(chain) + [next]))
        }
    }

    /// A copy of the chain without its last task, and with what `add` puts there.
    private func replacingLast(
        of chain: CanvasNode, _ add: (inout [CanvasNode]) throws(MessageError) -> Void
    ) throws(MessageError) -> CanvasNode {
        var copy = try chain.cloned()
        guard case .chain(var nodes) = copy.kind else { return copy }
        _ = nodes.popLast()
        try add(&nodes)
        copy.kind = .chain(nodes)
        return copy
    }

    /// The chord with `next` after its body.
    func inBody(of chord: CanvasNode, _ next: CanvasNode) throws(MessageError) -> CanvasNode {
        guard case .chord(let header, let body) = chord.kind else { return chord }
        var chord = chord
        chord.kind = .chord(header, body: try sequence(body, next))
        return chord
    }

    /// The tasks of a chain, with what is linked to the whole linked to them: its callbacks to the last one, its errbacks to
    /// all. Of anything else, itself.
    func unchained(_ chain: CanvasNode) throws(MessageError) -> [CanvasNode] {
        guard case .chain(let tasks) = chain.kind else { return [chain] }
        var nodes = try CanvasNode.cloned(tasks)
        guard !nodes.isEmpty else { return [] }
        for link in try chain.options.list("link") { try nodes[nodes.count - 1].link(CanvasNode(link)) }
        for error in try chain.options.list("link_error") {
            let errback = try CanvasNode(error)
            for index in nodes.indices { try nodes[index].linkError(errback, linksHeaders: linksHeaders) }
        }
        return nodes
    }

    /// Of a chord whose body is a chain that begins with a task: the chord with that task as its body, and the rest of the
    /// chain. Every task of the header carries the body, so that it should be small. `nil` for anything else.
    func unrolledBody(_ chord: CanvasNode) throws(MessageError) -> [CanvasNode]? {
        guard case .chord(_, let body) = chord.kind, case .chain(let nodes) = body.kind, let first = nodes.first else {
            return nil
        }
        if case .group = first.kind { return nil }
        var copy = try chord.cloned()
        guard case .chord(let header, let body) = copy.kind else { return nil }
        let tasks = try unchained(body)
        copy.kind = .chord(
            header, body: try tasks[0].cloned(options: body.options.without(CanvasNode.optionsOfChains)))
        return [copy] + tasks.dropFirst()
    }

    /// Takes the chords of a chain apart as far as their bodies are chains.
    func unrollChords(of chain: inout CanvasNode) throws(MessageError) {
        guard case .chain(let nodes) = chain.kind else { return }
        var left: [CanvasNode] = nodes.reversed()
        var flat: [CanvasNode] = []
        while var node = left.popLast() {
            try unrollChords(of: &node)
            if let parts = try unrolledBody(node) {
                left += parts.reversed()
            } else {
                flat.append(node)
            }
        }
        chain.kind = .chain(flat)
    }
}
