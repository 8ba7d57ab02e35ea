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
        /// Several of them that were put together before, as in brackets.
        case several(CanvasStages)
    }

    private var stages: [Stage]

    init(_ stages: Stage...) { self.stages = stages }

    /// These, and then those. As with Celery's `|` it may make a difference which of them were put together first.
    static func + (stages: CanvasStages, next: CanvasStages) -> CanvasStages {
        var stages = stages
        stages.stages += next.stages.count == 1 ? next.stages : [.several(next)]
        return stages
    }

    /// The same as one step, whose canvas is changed.
    func changed(_ change: @escaping Change) -> CanvasStages {
        CanvasStages(.one { try canvas(linksErrorsToHeaders: $0) }).changedEach(change)
    }

    /// The same with a change to each task or group member, also to what comes before the last stage.
    ///
    /// - Parameter header: the change to members of groups that something follows; `nil` for the same.
    func changedEach(header: Change? = nil, _ change: @escaping Change) -> Self {
        changedEach(header: header ?? change, isFollowed: false, change)
    }

    private func changedEach(header: @escaping Change, isFollowed: Bool, _ change: @escaping Change) -> Self {
        func changed(_ node: @escaping Node, by change: @escaping Change) -> Node {
            { linksErrorsToHeaders in
                var node = try node(linksErrorsToHeaders)
                try change(&node, linksErrorsToHeaders)
                return node
            }
        }
        var stages = self
        for (position, stage) in self.stages.enumerated() {
            let isFollowed = isFollowed || position < self.stages.count - 1
            switch stage {
            case .one(let node): stages.stages[position] = .one(changed(node, by: change))
            case .group(let members):
                let change = isFollowed ? header : change
                stages.stages[position] = .group(members.map { changed($0, by: change) })
            case .several(let inner):
                stages.stages[position] = .several(
                    inner.changedEach(header: header, isFollowed: isFollowed, change))
            }
        }
        return stages
    }

    /// The same with a change to each member of the group that it ends with.
    func changedMembers(_ change: @escaping Change) -> Self {
        var stages = self
        guard let last = stages.stages.popLast() else { return self }
        if case .several(let inner) = last {
            stages.stages.append(.several(inner.changedMembers(change)))
        } else {
            stages.stages += CanvasStages(last).changedEach(change).stages
        }
        return stages
    }

    /// The same, whatever is the result of what comes before.
    var ignoringInput: CanvasStages {
        var changed = self
        switch stages.first {
        case .one(let node)?: changed.stages[0] = .one { try node($0).ignoringInput }
        case .group(let members)?:
            changed.stages[0] = .group(members.map { member in { try member($0).ignoringInput } })
        case .several(let inner)?: changed.stages[0] = .several(inner.ignoringInput)
        case nil: break
        }
        return changed
    }

    /// The canvas that Celery's `|` makes of them, but for groups of one or none that something follows.
    ///
    /// - Parameters:
    ///   - linksErrorsToHeaders: whether what is linked to the failure of a chord is linked to the tasks of its header too.
    ///   - isFollowed: whether something follows the last one.
    func canvas(linksErrorsToHeaders: Bool = false, isFollowed: Bool = false) throws -> CanvasNode {
        let nodes = try stages.enumerated().map { position, stage in
            switch stage {
            case .one(let node): return try node(linksErrorsToHeaders)
            case .group(let members): return .group(try members.map { try $0(linksErrorsToHeaders) })
            case .several(let inner):
                let isFollowed = isFollowed || position < stages.count - 1
                return try inner.canvas(linksErrorsToHeaders: linksErrorsToHeaders, isFollowed: isFollowed)
            }
        }
        return try .sequence(nodes, isFollowed: isFollowed, linksHeaders: linksErrorsToHeaders)
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
