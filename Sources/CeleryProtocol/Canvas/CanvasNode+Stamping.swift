extension CanvasNode {
    /// Stamps it and all that is in it or linked to it, as Celery's `stamp(visitor, **stamps)` does: without a visitor the
    /// bodies of chords are left out.
    ///
    /// - Parameters:
    ///   - stamps: names and values; a name `stamped_headers` says which of them are stamps.
    ///   - appends: whether a task that has a stamp of that name gets both values, in a list; else the new one counts.
    ///   - visitor: says more stamps for each part.
    package mutating func stamp(
        _ stamps: JSONObject = [:], appends: Bool = false, visitor: StampingVisit.Visitor? = nil
    ) throws(MessageError) {
        try stamp(stamps, Stamping(appends: appends, visitor: visitor))
    }

    private struct Stamping {
        var appends: Bool
        let visitor: StampingVisit.Visitor?

        /// What the visitor says; `nil` where there is none.
        func more(_ place: StampingVisit.Place, _ node: CanvasNode, _ stamps: JSONObject) -> JSONObject? {
            visitor?(StampingVisit(place: place, node: node, stamps: stamps.without(["stamped_headers"])))
        }
    }

    private mutating func stamp(_ stamps: JSONObject, _ rules: Stamping) throws(MessageError) {
        try checkDepth()
        func all(_ place: StampingVisit.Place, _ node: CanvasNode, _ stamps: JSONObject) throws(MessageError)
            -> JSONObject
        {
            try Self.merged(stamps, rules.more(place, node, stamps), with: options, appends: rules.appends)
        }
        switch kind {
        case .task:
            try stampLinks(stamps, rules)
            options.update(try all(.task, self, stamps))
        case .chain(let nodes):
            let all = try all(.chain, self, stamps)
            // Celery does not hand `append_stamps` on here.
            var rulesOfLinks = rules
            rulesOfLinks.appends = false
            try stampLinks(all, rulesOfLinks)
            kind = .chain(try Self.stamped(nodes, all, rules))
        case .group(let nodes):
            let all = try all(.group, self, stamps)
            try stampLinks(all, rules)
            kind = .group(try Self.stamped(nodes, all, rules))
        case .chord(let header, var body):
            var group: CanvasNode? = if case .group(let group) = header { group } else { nil }
            // As Celery's visitor does, so that there is a group to visit.
            if rules.visitor != nil { group = group ?? CanvasNode(.group(header.tasks)) }
            var stamps = try all(.header, group ?? self, stamps)
            try stampLinks(stamps, rules)
            let tasks = try Self.stamped(header.tasks, stamps, rules)
            if rules.visitor != nil {
                stamps = try all(.body, body, stamps)
                try body.stamp(stamps, rules)
            }
            group?.kind = .group(tasks)
            kind = .chord(group.map { .group($0) } ?? .list(tasks), body: body)
        }
    }

    private static func stamped(
        _ nodes: [CanvasNode], _ stamps: JSONObject, _ rules: Stamping
    ) throws(MessageError) -> [CanvasNode] {
        try nodes.map { node throws(MessageError) in
            var node = node
            try node.stamp(stamps, rules)
            return node
        }
    }

    private mutating func stampLinks(_ stamps: JSONObject, _ rules: Stamping) throws(MessageError) {
        for (key, place) in [("link", StampingVisit.Place.callback), ("link_error", .errback)]
        where options[key]?.isTruthy ?? false {
            // What is linked does not get the stamps of the task that it is linked to. What the visitor says of one link
            // holds for the next ones too, as in Celery.
            var all = stamps
            var linked: [JSONValue] = []
            for link in try options.list(key) {
                var node = try CanvasNode(link)
                all = try Self.merged(all, rules.more(place, node, all), with: nil, appends: rules.appends)
                try node.stamp(all, rules)
                linked.append(try node.json)
            }
            options[key] = .array(linked)
        }
    }

    /// The stamps, with those that a visitor says and those that are there already, and the list of their names.
    private static func merged(
        _ stamps: JSONObject, _ more: JSONObject?, with options: JSONObject?, appends: Bool
    ) throws(MessageError) -> JSONObject {
        var all = stamps
        var names = try names(of: stamps)
        if let more {
            for name in try Self.names(of: more) where !names.contains(name) { names.append(name) }
            for (name, value) in more where name != "stamped_headers" {
                all[name] = all[name].map { merge($0, value, appends: appends) } ?? value
            }
        }
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

    private static func names(of stamps: JSONObject) throws(MessageError) -> [JSONValue] {
        try stamps["stamped_headers"].array("stamped_headers") ?? stamps.map { .string($0.key) }
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
