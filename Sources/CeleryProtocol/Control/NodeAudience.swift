/// Whom a remote control request is meant for, by the names of nodes such as `celery@host`.
public enum NodeAudience: Sendable, Hashable {
    /// Every node that hears it.
    case all
    /// Those with these names.
    case named([String])
    /// Those whose names match a shell pattern (`*`, `?`, `[abc]`, `[!abc]`); kombu's matcher `glob`.
    case glob(String)
    /// Those whose names begin with a match of a regular expression; kombu's matcher `pcre`.
    case regularExpression(String)

    /// Whether a node of this name is meant.
    ///
    /// - Throws: ``MessageError`` for a regular expression that is none.
    public func includes(_ node: String) throws(MessageError) -> Bool {
        switch self {
        case .all: return true
        case .named(let names): return names.contains(node)
        case .glob(let pattern): return GlobPattern(pattern).matches(node)
        case .regularExpression(let pattern):
            do {
                return try Regex(pattern).prefixMatch(in: node) != nil
            } catch {
                throw .invalid("pattern", .string(pattern))
            }
        }
    }
}

extension NodeAudience {
    /// Reads `destination`, or `pattern` and `matcher`. As in kombu, empty ones count as absent.
    init(_ body: JSONObject) throws(MessageError) {
        let (destination, pattern, matcher) = (body["destination"], body["pattern"], body["matcher"])
        if let destination, destination.isTruthy {
            guard case .array(let names) = destination else { throw .invalid("destination", destination) }
            self = .named(names.compactMap(\.stringValue))
        } else if let pattern, let matcher, pattern.isTruthy, matcher.isTruthy {
            guard let text = pattern.stringValue else { throw .invalid("pattern", pattern) }
            switch matcher.stringValue {
            case "glob": self = .glob(text)
            case "pcre": self = .regularExpression(text)
            default: throw .invalid("matcher", matcher)
            }
        } else {
            self = .all
        }
    }

    func write(to body: inout JSONObject) {
        body["destination"] = .null
        body["pattern"] = .null
        body["matcher"] = .null
        switch self {
        case .all: break
        case .named(let names): body["destination"] = .array(names.map(JSONValue.string))
        case .glob(let pattern):
            body["pattern"] = .string(pattern)
            body["matcher"] = "glob"
        case .regularExpression(let pattern):
            body["pattern"] = .string(pattern)
            body["matcher"] = "pcre"
        }
    }
}
