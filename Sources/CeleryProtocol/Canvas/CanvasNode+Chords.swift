extension CanvasNode {
    /// How many of its tasks report to the chord that it is a part of: of a group all, of a chain those of its last part
    /// that has any, of a chord those of its body.
    var reportingTasks: Int {
        switch kind {
        case .task: return 1
        case .group(let nodes): return nodes.reduce(0) { $0 + $1.reportingTasks }
        case .chord(_, let body): return body.reportingTasks
        case .chain(let nodes):
            for node in nodes.reversed() {
                let count = node.reportingTasks
                if count > 0 { return count }
            }
            return 0
        }
    }

    /// Whether it is a task that is a part of a chord.
    var isPartOfChord: Bool {
        guard case .task = kind else { return false }
        return options["chord"]?.isTruthy ?? false && options["group_id"]?.isTruthy ?? false
    }

    /// Whether it is a part of the chord whose header has this id.
    func reports(to group: String) -> Bool {
        switch kind {
        case .task: return isPartOfChord && options["group_id"]?.text == group
        case .group(let nodes), .chain(let nodes): return nodes.last?.reports(to: group) ?? false
        case .chord(_, let body): return body.reports(to: group)
        }
    }

    /// What the tasks of a header carry of the chord's body: nothing of an empty group, as nobody waits for it.
    var jsonOfBody: JSONValue? {
        get throws(MessageError) { isEmptyGroup ? nil : try json }
    }

    /// Takes the bodies of chords out of the tasks of their headers, where they stand once more. They are put back when
    /// the header is sent; until then they would make messages as long as there are headers in headers.
    mutating func stripHeaderLinks() {
        switch kind {
        case .task: break
        case .chain(let nodes): kind = .chain(Self.stripped(nodes))
        case .group(let nodes): kind = .group(Self.stripped(nodes))
        case .chord(var header, var body):
            switch header {
            case .list(var nodes):
                for index in nodes.indices { nodes[index].removeChord() }
                header = .list(Self.stripped(nodes))
            case .group(var group):
                group.removeChord()
                group.stripHeaderLinks()
                header = .group(group)
            }
            body.stripHeaderLinks()
            kind = .chord(header, body: body)
        }
    }

    private static func stripped(_ nodes: [CanvasNode]) -> [CanvasNode] {
        nodes.map {
            var node = $0
            node.stripHeaderLinks()
            return node
        }
    }

    /// Takes the chord's body out of the tasks that report to it.
    private mutating func removeChord() {
        options["chord"] = nil
        switch kind {
        case .task: break
        case .group(var nodes):
            for index in nodes.indices { nodes[index].removeChord() }
            kind = .group(nodes)
        case .chain(var nodes):
            if !nodes.isEmpty { nodes[nodes.count - 1].removeChord() }
            kind = .chain(nodes)
        case .chord(let header, var body):
            body.removeChord()
            kind = .chord(header, body: body)
        }
    }

    /// Links what was linked to a chord to its body, where it is called from: callbacks as ``link(_:)`` does; errbacks so
    /// that each task of a group has them, or the group if it has some of its own.
    mutating func takeLinks(callbacks: [JSONValue], errbacks: [JSONValue]) throws(MessageError) {
        for callback in callbacks {
            let callback = try CanvasNode(callback).cloned()
            if isEmptyGroup { try add(callback, to: "link") } else { try link(callback) }
        }
        for errback in errbacks {
            let errback = try CanvasNode(errback)
            if case .group = kind {
                try linkErrorToTasks(errback.cloned(), isSentAsGroup: true)
            } else {
                try add(errback, to: "link_error")
            }
        }
    }

    private mutating func linkErrorToTasks(_ errback: CanvasNode, isSentAsGroup: Bool) throws(MessageError) {
        switch kind {
        case .group(let nodes):
            if isSentAsGroup, let own = options["link_error"], !own.isNull {
                return try add(errback, to: "link_error")
            }
            kind = .group(
                try nodes.map { node throws(MessageError) in
                    var node = node
                    try node.linkErrorToTasks(errback, isSentAsGroup: false)
                    return node
                })
        case .chord(let header, var body):
            try body.linkErrorToTasks(errback, isSentAsGroup: true)
            kind = .chord(header, body: body)
        case .task, .chain: try add(errback, to: "link_error")
        }
    }
}
