extension CanvasNode {
    /// Stamps it and all that is in it or linked to it, as Celery's `stamp(**stamps)` does without a visitor: the bodies of
    /// chords are left out.
    ///
    /// - Parameters:
    ///   - stamps: names and values; a name `stamped_headers` says which of them are stamps.
    ///   - appends: whether a task that has a stamp of that name gets both values, in a list; else the new one counts.
    package mutating func stamp(_ stamps: JSONObject, appends: Bool = false) throws(MessageError) {
        try checkDepth()
        switch kind {
        case .task:
            try stampLinks(stamps, appends: appends)
            options.update(try Self.merged(stamps, with: options, appends: appends))
        case .chain(let nodes):
            let all = try Self.merged(stamps, with: options, appends: appends)
            // Celery does not hand `append_stamps` on here.
            try stampLinks(all, appends: false)
            kind = .chain(try Self.stamped(nodes, all, appends: appends))
        case .group(let nodes):
            let all = try Self.merged(stamps, with: options, appends: appends)
            try stampLinks(all, appends: appends)
            kind = .group(try Self.stamped(nodes, all, appends: appends))
        case .chord(let header, let body):
            let all = try Self.merged(stamps, with: options, appends: appends)
            try stampLinks(all, appends: appends)
            switch header {
            case .list(let nodes):
                kind = .chord(.list(try Self.stamped(nodes, all, appends: appends)), body: body)
            case .group(var group):
                group.kind = .group(try Self.stamped(header.tasks, all, appends: appends))
                kind = .chord(.group(group), body: body)
            }
        }
    }

    private static func stamped(
        _ nodes: [CanvasNode], _ stamps: JSONObject, appends: Bool
    ) throws(MessageError) -> [CanvasNode] {
        try nodes.map { node throws(MessageError) in
            var node = node
            try node.stamp(stamps, appends: appends)
            return node
        }
    }

    private mutating func stampLinks(_ stamps: JSONObject, appends: Bool) throws(MessageError) {
        for key in ["link", "link_error"] where options[key]?.isTruthy ?? false {
            // What is linked does not get the stamps of the task that it is linked to.
            let all = try Self.merged(stamps, with: nil, appends: appends)
            let linked = try options.list(key).map { link throws(MessageError) in
                var node = try CanvasNode(link)
                try node.stamp(all, appends: appends)
                return try node.json
            }
            options[key] = .array(linked)
        }
    }

    /// The stamps, with those that are there already, and the list of their names.
    private static func merged(
        _ stamps: JSONObject, with options: JSONObject?, appends: Bool
    ) throws(MessageError) -> JSONObject {
        var all = stamps
        var names = try stamps["stamped_headers"].array("stamped_headers") ?? stamps.map { .string($0.key) }
        for name in try options?["stamped_headers"].array("stamped_headers") ?? [] where !names.contains(name) {
            names.append(name)
        }
        all["stamped_headers"] = .array(names)
        for name in names.compactMap(\.text) {
            guard let old = options?[name] else { continue }
            all[name] = all[name].map { merge($0, old, appends: appends) } ?? old
        }
        return all
    }

    /// A new value of a stamp and the one before it, as Celery puts them together.
    private static func merge(_ new: JSONValue, _ old: JSONValue, appends: Bool) -> JSONValue {
        switch (new, old) {
        case (.object(var new), .object(let old)):
            for (key, value) in old { new[key] = new[key].map { merge($0, value, appends: appends) } ?? value }
            return .object(new)
        case (.array(let new), .array(let old)): return .array(new + old)
        case (.array(let new), _) where appends: return .array(new + [old])
        case (.null, _) where appends: return [old]
        case (_, .array(let old)) where appends: return .array([new] + old)
        case _ where appends: return [new, old]
        default: return new
        }
    }
}
