import Celery

/// Whether Celery's `chain`, with which the other clients build chains, comes to the same as `then`, which is Celery's `|`.
///
/// They differ where a chord comes first: what follows goes to its body with the one, and may be a step of its own with the
/// other; and a chain of one is a chain. Then `chain` puts a chain that comes first together again, of which `|` may
/// have left a group before a chord; and it hands the links of such a chain to its last task, which `|` keeps for the
/// end of the whole where the chain ends with a chord.
enum ChainShape {
    static func isTheSame(_ parts: ArraySlice<JSONValue>) -> Bool {
        guard let first = parts.first, parts.count > 1 else { return parts.isEmpty }
        guard kind(first) == "chain" else { return kind(first) != "chord" }
        return !beginsInMany(first) && !hasGroupsInARow(first) && !(hasLinks(first) && hasMany(first))
    }

    /// Whether it begins with a group, or with a chord.
    private static func beginsInMany(_ description: JSONValue) -> Bool {
        guard kind(description) == "chain" else { return ["group", "chord"].contains(kind(description)) }
        return Self.parts(description).first.map(beginsInMany) ?? false
    }

    private static func hasLinks(_ chain: JSONValue) -> Bool {
        ["link", "link_error"].contains { chain.objectValue?[$0] != nil }
    }

    /// Whether a group or a chord is one of its steps.
    private static func hasMany(_ chain: JSONValue) -> Bool {
        steps(chain).contains { ["group", "chord"].contains(kind($0)) }
    }

    private static func hasGroupsInARow(_ chain: JSONValue) -> Bool {
        let kinds = steps(chain).map(kind)
        return zip(kinds, kinds.dropFirst()).contains { $0 == "group" && $1 == "group" }
    }

    /// With those of the chains that are steps of it.
    private static func steps(_ chain: JSONValue) -> [JSONValue] {
        parts(chain).flatMap { kind($0) == "chain" ? steps($0) : [$0] }
    }

    private static func kind(_ description: JSONValue) -> String? { description.objectValue?["kind"]?.stringValue }

    private static func parts(_ description: JSONValue) -> [JSONValue] {
        description.objectValue?["parts"]?.arrayValue ?? []
    }
}
