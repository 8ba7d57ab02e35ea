/// A step of a chain while the chain is taken apart. A reference, as a frozen chain keeps its shape: what is taken apart
/// is put together again with the ids of its parts.
final class ChainStep {
    var node: CanvasNode
    /// The steps that it was taken apart into.
    private(set) var parts: [ChainStep]?

    init(_ node: CanvasNode) { self.node = node }

    /// The tasks of a chain, or the only one of a group.
    func takenApart(_ nodes: [CanvasNode]) -> [ChainStep] {
        let parts = nodes.map(ChainStep.init)
        self.parts = parts
        return parts
    }

    /// The node with what became of its parts.
    var whole: CanvasNode {
        guard let parts else { return node }
        var node = node
        switch node.kind {
        case .chain: node.kind = .chain(parts.map(\.whole))
        case .group: node.kind = .group(parts.map(\.whole))
        case .task, .chord: break
        }
        return node
    }
}

/// Takes a chain apart and gives its steps their ids: Celery's `prepare_steps`. Chains in it are spliced in, empty groups
/// left out, groups of one unrolled, and a group that is followed by a task becomes a chord.
struct ChainPreparation {
    private var steps: ArraySlice<ChainStep>
    /// Whether the steps are copies, to be sent now; else the chain only gets its ids, and keeps its shape.
    private let copies: Bool
    private let context: CanvasContext
    /// What the first task gets before its own arguments, and over its own keyword arguments.
    var args: [JSONValue] = []
    var kwargs: JSONObject = [:]
    /// What is to be linked to the failure of every task.
    var errbacks: [CanvasNode] = []

    /// The steps that are to be sent, last one first.
    private(set) var tasks: [ChainStep] = []
    /// Their results.
    private(set) var results: [Int] = []
    /// The result whose parent the step before is to be.
    private var following: Int?

    init(_ steps: [ChainStep], copies: Bool, _ context: CanvasContext) {
        self.steps = steps[...]
        self.copies = copies
        self.context = context
    }

    mutating func prepare(_ terms: FreezingTerms, _ arena: inout ResultArena) throws(MessageError) {
        try findHead()
        let lastTerms = FreezingTerms(
            id: terms.id, group: terms.group, groupIndex: terms.groupIndex, chord: terms.chord, root: terms.root)
        var isLast = true
        while var step = steps.popLast() {
            if case .group = step.node.kind {
                step = unrolled(step)
                if step.node.isEmptyGroup, !steps.isEmpty || !tasks.isEmpty { continue }
            }
            if copies, let parts = try context.rules.unrolledBody(step.node) {
                steps += parts.map(ChainStep.init)
                continue
            }
            step = try taken(step)
            if case .chain(let nodes) = step.node.kind {
                steps += step.takenApart(nodes)
                continue
            }
            try prepare(step, isLast ? lastTerms : FreezingTerms(root: terms.root), &arena)
            isLast = false
        }
        guard copies else { return }
        for step in tasks { step.node.stripHeaderLinks() }
    }

    /// Makes the first step one that is sent, as it is the one that gets the arguments.
    private mutating func findHead() throws(MessageError) {
        var emptyGroup: ChainStep?
        while let head = steps.first {
            if case .chain(let nodes) = head.node.kind {
                _ = steps.popFirst()
                let nodes = copies ? try CanvasNode.cloned(nodes) : nodes
                steps = (head.takenApart(nodes) + steps)[...]
                continue
            }
            guard case .group = head.node.kind else { break }
            let single = unrolled(head)
            steps[steps.startIndex] = single
            guard single.node.isEmptyGroup, steps.count > 1 else { break }
            emptyGroup = steps.popFirst()
        }
        if let emptyGroup, steps.isEmpty { steps = [emptyGroup] }
    }

    private func unrolled(_ step: ChainStep) -> ChainStep {
        guard case .group(let nodes) = step.node.kind, nodes.count == 1 else { return step }
        return step.takenApart(nodes)[0]
    }

    /// The step as it is sent; the first one with the arguments.
    private func taken(_ step: ChainStep) throws(MessageError) -> ChainStep {
        let isFirst = steps.isEmpty
        guard copies else {
            if isFirst { step.node.args = args + step.node.args }
            return step
        }
        let copy = ChainStep(try step.node.cloned(args: isFirst ? args : [], kwargs: isFirst ? kwargs : [:]))
        // Celery loses the arguments of a chain that begins with a group.
        if isFirst, case .group = copy.node.kind { copy.node.take(args: args, kwargs: kwargs) }
        return copy
    }

    private mutating func prepare(
        _ original: ChainStep, _ terms: FreezingTerms, _ arena: inout ResultArena
    ) throws(MessageError) {
        var step = original
        var body: ChainStep?
        if case .group(let nodes) = step.node.kind, let next = tasks.popLast() {
            body = next
            step = chord(of: nodes, step.node, next, terms.root, &arena)
        }
        let result = try step.node.freeze(terms, context, &arena)
        if let following, !tasks.isEmpty, arena.parent(following) == nil { arena.setParent(following, result) }
        for errback in errbacks { try step.node.linkError(errback, linksHeaders: context.linksErrorsToHeaders) }
        tasks.append(step)
        results.append(result)
        following = result
        guard case .chord(let header, let frozenBody) = step.node.kind else { return }
        following = arena.first(result)
        // A chain that keeps its shape has the group and the task side by side, each with its ids.
        if let body {
            original.node.kind = .group(header.tasks)
            body.node = frozenBody
        }
    }

    /// A group that is followed by `body`, as a chord; the results after the body are no longer linked to it, as they will
    /// be linked to the chord's.
    private mutating func chord(
        of nodes: [CanvasNode], _ group: CanvasNode, _ body: ChainStep, _ root: JSONValue?, _ arena: inout ResultArena
    ) -> ChainStep {
        let bodyResult = results.popLast()
        var chord = CanvasNode.chord(nodes, body.node)
        chord.args = group.args
        if !group.kwargs.isEmpty { chord.kwargs["kwargs"] = .object(group.kwargs) }
        if let following, !arena.isGroup(following) { chord.options["task_id"] = .string(arena.id(following)) }
        chord.options["root_id"] = root ?? .null
        var next = results.last
        while let result = next, arena.parent(result) != bodyResult { next = arena.parent(result) }
        if let result = next {
            arena.setParent(result, nil)
            following = result
        }
        return ChainStep(chord)
    }
}
