import Celery

/// What the steps of a chain are, as far as it matters for what Celery makes of it.
///
/// `then` makes all that follows a group the body of one chord. So does Celery with most of the chains that users write; with
/// the others it makes a chain with the chord as a step, whose results hang together otherwise.
enum ChainShape {
    case tasks
    case group
    case chord

    /// Whether `then` and Celery's `chain` come to the same.
    static func isTheSame(_ parts: ArraySlice<JSONValue>) -> Bool {
        guard let first = parts.first else { return true }
        var last = ChainShape(first)
        if last == .chord { return false }
        let beginsWithGroup = last == .group && isOfKind("group", first)
        for part in parts.dropFirst() {
            let next = ChainShape(part)
            switch last {
            case .tasks: last = next
            case .group: last = .chord
            // Of a chain that begins with a group Celery makes a chord, else the chord is a step of it.
            case .chord where beginsWithGroup: if next == .group || isOfKind("chain", part) { return false }
            case .chord: if next == .chord { return false }
            }
        }
        return true
    }

    private init(_ description: JSONValue) {
        let parts = description.objectValue?["parts"]?.arrayValue ?? []
        switch description.objectValue?["kind"]?.stringValue {
        case "group": self = .group
        case "chord": self = .chord
        case "chain":
            let shapes = parts.map(ChainShape.init)
            if shapes.dropLast().contains(.group) || shapes.contains(.chord) {
                self = .chord
            } else {
                self = shapes.last ?? .tasks
            }
        default: self = .tasks
        }
    }

    private static func isOfKind(_ kind: String, _ description: JSONValue) -> Bool {
        description.objectValue?["kind"]?.stringValue == kind
    }
}
