internal import CeleryProtocol

/// What runs one after the other: tasks, and groups of tasks that run side by side.
///
/// It is kept apart from the canvas, which is made when it is sent: there a group of one is as good as its only task, while
/// what follows a group here gets a list, however many it has.
struct CanvasStages: Sendable {
    /// Makes a canvas, given whether what is linked to the failure of a chord is linked to its header too.
    typealias Node = @Sendable (_ linksErrorsToHeaders: Bool) throws -> CanvasNode
    /// Changes a canvas, given the same.
    typealias Change = @Sendable (_ node: inout CanvasNode, _ linksErrorsToHeaders: Bool) throws -> Void

    enum Stage: Sendable {
        case one(Node)
        case group([Node])
    }

    private var stages: [Stage]

    init(_ stages: Stage...) { self.stages = stages }

    /// These, and then those.
    static func + (stages: CanvasStages, next: CanvasStages) -> CanvasStages {
        var stages = stages
        stages.stages += next.stages
        return stages
    }

    /// The same as one step, whose canvas is changed.
    func changed(_ change: @escaping Change) -> CanvasStages {
        CanvasStages(.one { try canvas(linksErrorsToHeaders: $0) }).changedEach(change)
    }

    /// The same with a change to each task or group member, also to what comes before the last stage.
    ///
    /// - Parameter headers: whether members of groups that something follows are changed too.
    func changedEach(headers: Bool = true, _ change: @escaping Change) -> Self {
        func changed(_ node: @escaping Node) -> Node {
            { linksErrorsToHeaders in
                var node = try node(linksErrorsToHeaders)
                try change(&node, linksErrorsToHeaders)
                return node
            }
        }
        var stages = self
        for (position, stage) in self.stages.enumerated() {
            switch stage {
            case .one(let node): stages.stages[position] = .one(changed(node))
            case .group(let members) where headers || position == self.stages.count - 1:
                stages.stages[position] = .group(members.map(changed))
            case .group: break
            }
        }
        return stages
    }

    /// The same with a change to each member of the group that it ends with.
    func changedMembers(_ change: @escaping Change) -> Self {
        guard let last = stages.last else { return self }
        var before = self
        before.stages.removeLast()
        return before + CanvasStages(last).changedEach(change)
    }

    /// The same, whatever is the result of what comes before.
    var ignoringInput: CanvasStages {
        var changed = self
        switch stages.first {
        case .one(let node)?: changed.stages[0] = .one { try node($0).ignoringInput }
        case .group(let members)?:
            changed.stages[0] = .group(members.map { member in { try member($0).ignoringInput } })
        case nil: break
        }
        return changed
    }

    /// The canvas: a group that something follows is the header of a chord.
    ///
    /// - Parameter linksErrorsToHeaders: whether what is linked to the failure of a chord is linked to the tasks of its
    ///   header too.
    func canvas(linksErrorsToHeaders: Bool = false) throws -> CanvasNode {
        if stages.count == 1, case .one(let node) = stages[0] { return try node(linksErrorsToHeaders) }
        func chain(_ steps: [CanvasNode]) throws -> CanvasNode {
            steps.count == 1 ? steps[0] : try .chain(steps.reversed(), linksHeaders: linksErrorsToHeaders)
        }
        // From the last one on, in this order.
        var steps: [CanvasNode] = []
        for stage in stages.reversed() {
            switch stage {
            case .one(let node): steps.append(try node(linksErrorsToHeaders))
            case .group(let members):
                let members = try members.map { try $0(linksErrorsToHeaders) }
                steps = [steps.isEmpty ? .group(members) : .chord(members, try chain(steps))]
            }
        }
        return try chain(steps)
    }
}

extension CanvasNode {
    /// The same, but whatever begins in it does not get what comes before.
    fileprivate var ignoringInput: CanvasNode {
        var node = self
        if case .chain(var tasks) = kind, !tasks.isEmpty {
            tasks[0] = tasks[0].ignoringInput
            node = CanvasNode(.chain(tasks), options: options)
        } else {
            node.setImmutable(true)
        }
        return node
    }
}
