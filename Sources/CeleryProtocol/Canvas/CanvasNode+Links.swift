extension CanvasNode {
    /// Has `callback` sent when this has succeeded, as Celery's `link`: of a group its first task has it, without that
    /// task's result; of a chord its body.
    ///
    /// - Throws: ``MessageError`` for a group without tasks, and for options that hold something else than signatures.
    package mutating func link(_ callback: CanvasNode) throws(MessageError) {
        switch kind {
        case .task, .chain: try add(callback, to: "link")
        case .group(var nodes):
            guard !nodes.isEmpty else {
                throw MessageError(.invalidTask, "a group without tasks cannot have a callback")
            }
            var copy = try callback.cloned()
            copy.setImmutable(true)
            try nodes[0].link(copy)
            kind = .group(nodes)
        case .chord(let header, var body):
            try body.link(callback)
            kind = .chord(header, body: body)
        }
    }

    /// Has `errback` sent when this has failed, as Celery's `link_error`: every task of a group has it; of a chord its
    /// body, from where Celery takes it when a task of the header fails, and the bodies of chords in its header.
    ///
    /// - Parameter linksHeaders: whether the tasks of a chord's header have it too
    ///   (`task_allow_error_cb_on_chord_header`).
    package mutating func linkError(_ errback: CanvasNode, linksHeaders: Bool = false) throws(MessageError) {
        switch kind {
        case .task, .chain: try add(errback, to: "link_error")
        case .group(let nodes):
            let copy = try errback.cloned()
            kind = .group(try Self.linkError(copy, to: nodes, linksHeaders: linksHeaders))
        case .chord(var header, var body):
            switch header {
            case .list(var nodes):
                for index in nodes.indices {
                    try nodes[index].linkErrorOfChord(errback, linksHeaders: linksHeaders)
                }
                header = .list(nodes)
            case .group(var group):
                // What is linked to a header that has its ids does not reach the chords in it.
                if linksHeaders {
                    try group.linkError(try errback.forHeader, linksHeaders: linksHeaders)
                    header = .group(group)
                }
            }
            try body.linkError(errback, linksHeaders: linksHeaders)
            kind = .chord(header, body: body)
        }
    }

    /// Has what a chord is to send when it has failed, as a task of its header.
    package mutating func linkErrorOfChord(_ errback: CanvasNode, linksHeaders: Bool) throws(MessageError) {
        if linksHeaders { try linkError(try errback.forHeader, linksHeaders: linksHeaders) }
        if case .chord = kind { try linkError(errback, linksHeaders: linksHeaders) }
    }

    /// A copy that is meant to be immutable. Celery sets an option of that name, which does nothing: the errback of a
    /// header task gets that task's id like any other.
    private var forHeader: CanvasNode {
        get throws(MessageError) {
            switch kind {
            case .task, .chord: return try cloned(options: ["immutable": true])
            case .chain, .group:
                var copy = try cloned()
                copy.isImmutable = true
                return copy
            }
        }
    }

    private static func linkError(
        _ errback: CanvasNode, to nodes: [CanvasNode], linksHeaders: Bool
    ) throws(MessageError) -> [CanvasNode] {
        try nodes.map { node throws(MessageError) in
            var node = node
            try node.linkError(errback, linksHeaders: linksHeaders)
            return node
        }
    }

    /// Adds a signature to one of the two lists of links, unless it stands there already.
    mutating func add(_ linked: CanvasNode, to key: String) throws(MessageError) {
        try options.add(try linked.json, toList: key)
        hasLinked(linked)
    }

    /// Sets whether it takes the result of the task before: of a group and of a chord's header all tasks, as Celery does.
    package mutating func setImmutable(_ isImmutable: Bool) {
        func set(_ nodes: [CanvasNode]) -> [CanvasNode] {
            nodes.map {
                var node = $0
                node.setImmutable(isImmutable)
                return node
            }
        }
        switch kind {
        case .task, .chain: self.isImmutable = isImmutable
        case .group(let nodes): kind = .group(set(nodes))
        case .chord(.list(let nodes), let body): kind = .chord(.list(set(nodes)), body: body)
        case .chord(.group(var group), let body):
            group.setImmutable(isImmutable)
            kind = .chord(.group(group), body: body)
        }
    }
}
