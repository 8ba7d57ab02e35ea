/// Draws a canvas as lines of text, indented.
struct CanvasTree {
    private(set) var text = ""

    init(_ canvas: CanvasNode) {
        add(canvas, title: "", first: "", rest: "")
        text.removeLast()
    }

    /// - Parameters:
    ///   - title: what stands before the task's name.
    ///   - first: what stands before the first line.
    ///   - rest: what stands before the others.
    private mutating func add(_ canvas: CanvasNode, title: String, first: String, rest: String) {
        var parts: [(title: String, canvas: CanvasNode)] = []
        var left = 0
        let label: String
        switch canvas.kind {
        case .task: label = canvas.label
        case .chain(let tasks):
            label = "chain"
            parts = tasks.map { ("", $0) }
        case .group(let members):
            label = "group"
            (parts, left) = Self.parts(members)
        case .chord(let header, let body):
            label = "chord"
            (parts, left) = Self.parts(header.tasks)
            // After the line that says how many are left, if there is one.
            write(first + title + label)
            add(parts, left: left, isLast: false, rest)
            return add([("body: ", body)] + Self.links(of: canvas), left: 0, isLast: true, rest)
        }
        write(first + title + label)
        let links = Self.links(of: canvas)
        add(parts, left: left, isLast: links.isEmpty, rest)
        add(links, left: 0, isLast: true, rest)
    }

    private mutating func add(_ parts: [(title: String, canvas: CanvasNode)], left: Int, isLast: Bool, _ rest: String) {
        for (index, part) in parts.enumerated() {
            let isLastLine = isLast && left == 0 && index == parts.count - 1
            add(
                part.canvas, title: part.title, first: rest + (isLastLine ? "└─ " : "├─ "),
                rest: rest + (isLastLine ? "   " : "│  "))
        }
        if left > 0 { write("\(rest)\(isLast ? "└─ " : "├─ ")… (\(left) more)") }
    }

    private mutating func write(_ line: String) { text += line + "\n" }

    private static func parts(_ members: [CanvasNode]) -> (parts: [(title: String, canvas: CanvasNode)], left: Int) {
        let (members, left) = CanvasNode.drawn(members)
        return (members.map { ("", $0) }, left)
    }

    private static func links(of canvas: CanvasNode) -> [(title: String, canvas: CanvasNode)] {
        canvas.linked("link").map { ("link: ", $0) } + canvas.linked("link_error").map { ("link_error: ", $0) }
    }
}
