/// A canvas as a graph: tasks, and what is sent after what.
struct CanvasGraph {
    private enum EdgeKind: String { case then, link, error }

    private var labels: [String] = []
    private var edges: [(from: Int, to: Int, kind: EdgeKind)] = []

    init(_ canvas: CanvasNode) { _ = add(canvas, after: [], .then) }

    /// Adds the tasks of a canvas behind some others.
    ///
    /// - Returns: the last ones of it.
    private mutating func add(_ canvas: CanvasNode, after entries: [Int], _ kind: EdgeKind) -> [Int] {
        var entries = entries
        let exits: [Int]
        switch canvas.kind {
        case .task: exits = [add(canvas.label, after: entries, kind)]
        case .chain(let tasks):
            for (index, task) in tasks.enumerated() { entries = add(task, after: entries, index == 0 ? kind : .then) }
            exits = entries
        case .group(let members): exits = add(members, after: entries, kind)
        case .chord(let header, let body): exits = add(body, after: add(header.tasks, after: entries, kind), .then)
        }
        for callback in canvas.linked("link") { _ = add(callback, after: exits, .link) }
        for errback in canvas.linked("link_error") { _ = add(errback, after: exits, .error) }
        return exits
    }

    private mutating func add(_ members: [CanvasNode], after entries: [Int], _ kind: EdgeKind) -> [Int] {
        var entries = entries
        // Not each of these with each of those.
        if entries.count > 1, members.count > 1 { entries = [add("all", after: entries, kind)] }
        let (drawn, left) = CanvasNode.drawn(members)
        var exits = drawn.flatMap { add($0, after: entries, kind) }
        if left > 0 { exits.append(add("… (\(left) more)", after: entries, kind)) }
        return exits
    }

    private mutating func add(_ label: String, after entries: [Int], _ kind: EdgeKind) -> Int {
        labels.append(label)
        edges += entries.map { ($0, labels.count - 1, kind) }
        return labels.count - 1
    }

    /// A flow chart in Mermaid's language.
    var mermaid: String {
        var lines = ["flowchart LR"]
        for (index, label) in labels.enumerated() {
            // A number sign begins one of Mermaid's entities, and markup would be taken as such.
            let text = Self.replacing(label, ["#": "#35;", "\"": "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;"])
            lines.append("    t\(index)[\"\(text)\"]")
        }
        for edge in edges {
            let arrow =
                switch edge.kind {
                case .then: "-->"
                case .link: "-.->|link|"
                case .error: "-.->|link_error|"
                }
            lines.append("    t\(edge.from) \(arrow) t\(edge.to)")
        }
        return lines.joined(separator: "\n")
    }

    /// A graph in the language of Graphviz.
    var graphviz: String {
        var lines = ["digraph canvas {", "    rankdir=LR", "    node [shape=box]"]
        for (index, label) in labels.enumerated() {
            lines.append("    t\(index) [label=\"\(Self.replacing(label, ["\\": "\\\\", "\"": "\\\""]))\"]")
        }
        for edge in edges {
            let style =
                switch edge.kind {
                case .then: ""
                case .link: " [style=dashed, label=\"link\"]"
                case .error: " [style=dashed, label=\"link_error\"]"
                }
            lines.append("    t\(edge.from) -> t\(edge.to)\(style)")
        }
        return (lines + ["}"]).joined(separator: "\n")
    }

    private static func replacing(_ text: String, _ replacements: [Character: String]) -> String {
        text.reduce(into: "") { $0 += replacements[$1] ?? String($1) }
    }
}
