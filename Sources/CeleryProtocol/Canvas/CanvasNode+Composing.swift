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

    /// The options that a chain does not hand on to its first task.
    static let optionsOfChains: Set = [
        "chord", "group_id", "group_index", "link", "link_error", "parent_id", "root_id", "task_id",
    ]

    /// Tasks one after another, as Celery's `chain(...)`: the same as all of them with ``then(_:linksHeaders:)`` between.
    package static func chain(
        _ nodes: [CanvasNode], linksHeaders: Bool = false
    ) throws(MessageError) -> CanvasNode {
        var chain = ChainMerging(CanvasRules(linksHeaders: linksHeaders))
        for node in nodes { try chain.add(node) }
        return chain.result
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
    /// - Parameter linksHeaders: whether errbacks of a chain that is taken apart are linked to the headers of its chords too
    ///   (`task_allow_error_cb_on_chord_header`).
    /// - Throws: ``MessageError`` for options that hold something else than signatures where links are passed on.
    package func then(_ next: CanvasNode, linksHeaders: Bool = false) throws(MessageError) -> CanvasNode {
        try CanvasRules(linksHeaders: linksHeaders).sequence(self, next)
    }

    /// Each of these and then the next one, as with ``then(_:linksHeaders:)`` between them; but what follows a group gets a
    /// list, of one result or of none too.
    ///
    /// - Parameters:
    ///   - nodes: at least one.
    ///   - isFollowed: whether something is to follow the last one too.
    ///   - linksHeaders: as for ``then(_:linksHeaders:)``.
    package static func sequence(
        _ nodes: [CanvasNode], isFollowed: Bool = false, linksHeaders: Bool = false
    ) throws(MessageError) -> CanvasNode {
        var rules = CanvasRules(linksHeaders: linksHeaders, keepsSmallGroups: true)
        var sequence = ChainMerging(rules)
        guard let first = nodes.first else { return sequence.result }
        sequence.begin(with: first)
        for (position, node) in nodes.enumerated().dropFirst() {
            rules.keepsSmallGroups = isFollowed || position < nodes.count - 1
            sequence.rules = rules
            try sequence.add(node)
        }
        return sequence.result
    }

    /// Whether it is a group without tasks, which is skipped wherever it stands.
    var isEmptyGroup: Bool {
        if case .group(let nodes) = kind { nodes.isEmpty } else { false }
    }
}
