/// How a canvas is drawn as text.
public enum CanvasDiagram: Sendable, Hashable {
    /// One line for each task, indented below what it belongs to.
    case tree
    /// A flow chart for Mermaid, which many viewers of Markdown show.
    case mermaid
    /// A graph for Graphviz (`dot`).
    case graphviz
}

extension CanvasNode {
    /// How many members of a group are drawn; of more than these it is only said how many there are.
    private static let drawnMembers = 20
    /// How many characters of a task's arguments are drawn.
    private static let drawnArguments = 60

    /// The canvas as text.
    package func drawn(as diagram: CanvasDiagram) -> String {
        switch diagram {
        case .tree: CanvasTree(self).text
        case .mermaid: CanvasGraph(self).mermaid
        case .graphviz: CanvasGraph(self).graphviz
        }
    }

    /// The task's name and arguments.
    var label: String {
        var arguments = args.map { PythonRepr.saferepr($0, maximumLength: Self.drawnArguments) }
        for (name, value) in kwargs {
            arguments.append("\(name)=\(PythonRepr.saferepr(value, maximumLength: Self.drawnArguments))")
        }
        let text = "\(taskName)(\(arguments.joined(separator: ", ")))"
        return LogText(text).description
    }

    /// The members that are drawn, and how many are not.
    static func drawn(_ members: [CanvasNode]) -> (members: ArraySlice<CanvasNode>, left: Int) {
        // One line for one that is left would be no shorter.
        let count = members.count <= drawnMembers + 1 ? members.count : drawnMembers
        return (members.prefix(count), members.count - count)
    }

    /// What is linked under this option.
    func linked(_ option: String) -> [CanvasNode] {
        options.signatures(option).map { value in
            do { return try CanvasNode(value) } catch { return CanvasNode(task: "no signature") }
        }
    }
}
