/// The results of a canvas while it gets its ids: each knows its parent, and parents change until all are known.
struct ResultArena {
    private struct Node {
        let id: String
        let members: [Int]?
        var parent: Int?
    }

    private var nodes: [Node] = []

    mutating func addTask(_ id: String) -> Int { add(Node(id: id, members: nil)) }

    mutating func addGroup(_ id: String, _ members: [Int]) -> Int { add(Node(id: id, members: members)) }

    private mutating func add(_ node: Node) -> Int {
        nodes.append(node)
        return nodes.count - 1
    }

    func id(_ index: Int) -> String { nodes[index].id }

    func members(_ index: Int) -> [Int]? { nodes[index].members }

    func isGroup(_ index: Int) -> Bool { nodes[index].members != nil }

    func parent(_ index: Int) -> Int? { nodes[index].parent }

    mutating func setParent(_ index: Int, _ parent: Int?) { nodes[index].parent = parent }

    /// The first result of the line that ends here.
    func first(_ index: Int) -> Int {
        var index = index
        var left = nodes.count
        while let parent = nodes[index].parent, left > 0 {
            index = parent
            left -= 1
        }
        return index
    }

    /// The result with all that is before and in it. A line that leads back to itself ends there.
    func tree(_ index: Int) -> ResultTree {
        var tree = bare(index)
        var next = nodes[index].parent
        while let parent = next, tree.ancestors.count < nodes.count {
            tree.ancestors.append(bare(parent))
            next = nodes[parent].parent
        }
        return tree
    }

    private func bare(_ index: Int) -> ResultTree {
        let node = nodes[index]
        guard let members = node.members else { return ResultTree(task: node.id) }
        return ResultTree(group: node.id, members: members.map(tree))
    }
}
