extension CanvasNode {
    /// The options that keep their value when a signature is called with others.
    static let lasting: Set = ["group_id", "stamped_headers"]

    /// The options with those of a call; some of the signature's own last, and so do its stamps.
    ///
    /// - Parameter isTask: whether the call is one of a task: nulls say nothing then, and by which name it is routed is
    ///   settled where the call is made.
    func merged(_ call: JSONObject, isTask: Bool = false) throws(MessageError) -> JSONObject {
        guard !call.isEmpty else { return options }
        let stamps = try options["stamped_headers"].array("stamped_headers") ?? []
        var merged = options
        for (key, value) in call {
            if isTask, value.isNull || key == "route_name" { continue }
            if Self.lasting.contains(key) || stamps.contains(.string(key)), options[key] != nil { continue }
            merged[key] = value
        }
        return merged
    }

    /// A copy as Celery makes one, with partial arguments before its own and options over its own: it loses what Celery's
    /// copies lose, such as the arguments of a chain and the ids of a chord's header group.
    func cloned(
        args partial: [JSONValue] = [], kwargs more: JSONObject = [:], options call: JSONObject = [:]
    ) throws(MessageError) -> CanvasNode {
        var copy = self
        copy.options = try merged(call)
        if !isImmutable { copy.take(args: partial, kwargs: more) }
        copy.unknown = [:]
        switch kind {
        case .task: break
        case .chain(let nodes):
            copy = CanvasNode(.chain(try Self.cloned(nodes)), options: copy.options)
        case .group(let nodes):
            copy = CanvasNode(.group(nodes), options: copy.options)
        case .chord(let header, let body):
            copy.kind = .chord(.list(try header.clonedTasks), body: try body.cloned())
        }
        copy.copyLinkDepth(of: self)
        return copy
    }

    static func cloned(_ nodes: [CanvasNode]) throws(MessageError) -> [CanvasNode] {
        try nodes.map { node throws(MessageError) in try node.cloned() }
    }

    /// Puts arguments before its own, and keyword arguments over them.
    mutating func take(args partial: [JSONValue], kwargs more: JSONObject) {
        if !partial.isEmpty { args = partial + args }
        if !more.isEmpty { kwargs.update(more) }
    }
}

extension CanvasNode.Header {
    /// The tasks.
    package var tasks: [CanvasNode] {
        switch self {
        case .list(let nodes): nodes
        case .group(let group):
            if case .group(let nodes) = group.kind { nodes } else { [group] }
        }
    }

    /// The tasks as a copy of the chord has them: those of a group that has its ids are not copied themselves.
    fileprivate var clonedTasks: [CanvasNode] {
        get throws(MessageError) {
            if case .list(let nodes) = self { try CanvasNode.cloned(nodes) } else { tasks }
        }
    }
}
