import CeleryProtocol

// Short names, so that a canvas reads here as it does in `canvas_cases.py`.

func add(_ args: JSONValue...) -> CanvasNode { CanvasNode(task: "swift.add", args: args) }
func mul(_ args: JSONValue...) -> CanvasNode { CanvasNode(task: "swift.mul", args: args) }
func tsum() -> CanvasNode { CanvasNode(task: "swift.tsum") }
func echo(_ args: JSONValue..., kwargs: JSONObject = [:]) -> CanvasNode {
    CanvasNode(task: "swift.echo", args: args, kwargs: kwargs)
}
func err(_ args: JSONValue...) -> CanvasNode { CanvasNode(task: "swift.err", args: args) }
func group(_ nodes: CanvasNode...) -> CanvasNode { .group(nodes) }
func chord(_ header: [CanvasNode], _ body: CanvasNode) -> CanvasNode { .chord(header, body) }
func chain(_ nodes: CanvasNode...) throws -> CanvasNode { try .chain(nodes) }

extension CanvasNode {
    /// `si` instead of `s`.
    var immutable: CanvasNode {
        var node = self
        node.isImmutable = true
        return node
    }

    var settingImmutable: CanvasNode {
        var node = self
        node.setImmutable(true)
        return node
    }

    func set(_ options: JSONObject) -> CanvasNode {
        var node = self
        for (key, value) in options { node.options[key] = value }
        return node
    }

    func linked(_ callbacks: CanvasNode...) throws -> CanvasNode {
        var node = self
        for callback in callbacks { try node.link(callback) }
        return node
    }

    func failing(_ errbacks: CanvasNode..., linksHeaders: Bool = false) throws -> CanvasNode {
        var node = self
        for errback in errbacks { try node.linkError(errback, linksHeaders: linksHeaders) }
        return node
    }

    /// What the visitor of `canvas_capture.py` says.
    func visited(_ stamps: JSONObject = [:], appends: Bool = false) throws -> CanvasNode {
        var node = self
        try node.stamp(stamps, appends: appends) { part in
            switch part.place {
            case .task:
                ["task": .string(part.task), "around": .string(part.stamps.map(\.key).sorted().joined(separator: ","))]
            case .chain: ["in_chain": .integer(part.count)]
            case .group, .header: ["in_group": .integer(part.count)]
            case .body: ["of_body": [1]]
            case .callback: ["called_back": .string(part.task)]
            case .errback: ["told": .string(part.task), "note": 1, "stamped_headers": ["told"]]
            }
        }
        return node
    }

    func stamped(_ stamps: JSONObject, appends: Bool = false) throws -> CanvasNode {
        var node = self
        try node.stamp(stamps, appends: appends)
        return node
    }
}

/// Celery's `|`.
infix operator ||| : AdditionPrecedence
func ||| (first: CanvasNode, next: CanvasNode) throws -> CanvasNode { try first.then(next) }
