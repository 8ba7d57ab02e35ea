extension ResultTree {
    /// How many levels a tree may have, members and ancestors together. Each takes two levels of JSON, of which a reader
    /// takes 512.
    public static let maximumDepth = 240

    /// Reads `[[id, parent], null]` for a task, `[[id, parent], [member, ...]]` for a group; as in Celery, the id may
    /// stand there without its brackets.
    ///
    /// - Throws: ``MessageError`` with the code `undecodable`.
    public init(_ json: JSONValue) throws(MessageError) {
        try self.init(json, levels: Self.maximumDepth)
    }

    private init(_ json: JSONValue, levels: Int) throws(MessageError) {
        guard levels > 0 else { throw Self.tooDeep }
        guard case .array(let parts) = json, parts.count == 2 else { throw Self.invalid(json) }
        let named: JSONValue
        let parent: JSONValue
        if case .array(let pair) = parts[0] {
            guard pair.count == 2 else { throw Self.invalid(json) }
            (named, parent) = (pair[0], pair[1])
        } else {
            (named, parent) = (parts[0], .null)
        }
        guard let id = named.text else { throw Self.invalid(json) }
        self.id = id
        ancestors = []
        if parent.isTruthy {
            var parent = try ResultTree(parent, levels: levels - 1)
            let further = parent.ancestors
            parent.ancestors = []
            ancestors = [parent] + further
        }
        switch parts[1] {
        case .null: members = nil
        case .array(let values):
            members = try values.map { value throws(MessageError) in try ResultTree(value, levels: levels - 1) }
        default: throw Self.invalid(json)
        }
    }

    /// The nested lists.
    ///
    /// - Throws: ``MessageError`` for a tree that is deeper than anybody could read: a chain of hundreds of tasks.
    public var json: JSONValue {
        get throws(MessageError) { try json(levels: Self.maximumDepth) }
    }

    private func json(levels: Int) throws(MessageError) -> JSONValue {
        guard levels > ancestors.count else { throw Self.tooDeep }
        var parent = JSONValue.null
        for (distance, ancestor) in ancestors.enumerated().reversed() {
            parent = try ancestor.json(parent: parent, levels: levels - distance - 1)
        }
        return try json(parent: parent, levels: levels)
    }

    private func json(parent: JSONValue, levels: Int) throws(MessageError) -> JSONValue {
        let members = try members?.map { member throws(MessageError) in try member.json(levels: levels - 1) }
        return [[.string(id), parent], members.map(JSONValue.array) ?? .null]
    }

    private static let tooDeep = MessageError(
        .undecodable, "a result tree has more than \(maximumDepth) levels")

    private static func invalid(_ json: JSONValue) -> MessageError {
        MessageError(.undecodable, "\(PythonRepr.quoted(json)) is no result tree")
    }
}
