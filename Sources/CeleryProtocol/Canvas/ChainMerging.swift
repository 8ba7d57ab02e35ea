/// Builds a chain task by task in one pass, where ``CanvasNode/then(_:linksHeaders:)`` would copy the chain for each of them.
struct ChainMerging {
    /// What was added so far; while it is `nil`, it is the chain of `steps`.
    private var whole: CanvasNode?
    private var steps: [CanvasNode] = []
    var rules: CanvasRules

    init(_ rules: CanvasRules) { self.rules = rules }

    /// The chain, or what it turned into.
    var result: CanvasNode { whole ?? CanvasNode(.chain(steps)) }

    /// Goes on from a canvas, of which what is added makes what `|` does.
    mutating func begin(with first: CanvasNode) {
        if case .chain(let nodes) = first.kind, first == CanvasNode(.chain(nodes)) {
            (whole, steps) = (nil, nodes)
        } else {
            whole = first
        }
    }

    mutating func add(_ next: CanvasNode) throws(MessageError) {
        if let whole { return begin(with: try rules.sequence(whole, next)) }
        if rules.isSkipped(next) { return }
        switch next.kind {
        case .group:
            let single = rules.unrolled(next)
            guard case .group = single.kind else { return try add(single) }
            if steps.isEmpty {
                whole = single
            } else if !(try addToBodyOfChord(single)) {
                steps.append(single)
            }
        case .chain:
            for node in try rules.unchained(next) { try add(node) }
        case .task:
            if try !addToHeader(next), try !addToBodyOfChord(next) { steps.append(next) }
        case .chord:
            if try !addToHeader(next) { steps.append(next) }
        }
    }

    /// A group that is followed becomes the header of a chord.
    private mutating func addToHeader(_ next: CanvasNode) throws(MessageError) -> Bool {
        guard let last = steps.last, case .group(let tasks) = last.kind else { return false }
        steps.removeLast()
        let chord = CanvasNode.chord(tasks, next)
        if try !addToBodyOfChord(chord) { steps.append(chord) }
        return true
    }

    private mutating func addToBodyOfChord(_ next: CanvasNode) throws(MessageError) -> Bool {
        guard let last = steps.last, case .chord = last.kind else { return false }
        steps[steps.count - 1] = try rules.inBody(of: last, next)
        return true
    }
}
