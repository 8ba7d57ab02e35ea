internal import CeleryProtocol

/// A reply as lines for people: texts as they are, lists with a `*` for each element, everything else as JSON with one key a
/// line.
enum PrettyReply {
    static func lines(_ value: JSONValue) -> [String] {
        switch value {
        case .string(let text): return LogText.lines(text).split(separator: "\n").map(String.init)
        case .array(let values) where values.isEmpty: return ["- empty -"]
        case .array(let values):
            return values.flatMap { value in
                zip(Self.json(value, top: true), 0...).map { ($1 == 0 ? "* " : "  ") + $0 }
            }
        default: return json(value, top: false)
        }
    }

    /// - Parameter top: whether a text stands without quotes.
    private static func json(_ value: JSONValue, top: Bool) -> [String] {
        switch value {
        case .string(let text) where top: return [LogText.lines(text)]
        case .object(let object) where !object.isEmpty:
            var lines = ["{"]
            for (position, (key, part)) in object.entries.enumerated() {
                var inner = json(part, top: false)
                inner[0] = "\(text(.string(key))): \(inner[0])"
                if position < object.count - 1 { inner[inner.count - 1] += "," }
                lines += inner.map { "    " + $0 }
            }
            return lines + ["}"]
        case .array(let values) where values.contains { $0.objectValue != nil }:
            var lines = ["["]
            for (position, part) in values.enumerated() {
                var inner = json(part, top: false)
                if position < values.count - 1 { inner[inner.count - 1] += "," }
                lines += inner.map { "    " + $0 }
            }
            return lines + ["]"]
        default: return [text(value)]
        }
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.serialized(), as: UTF8.self) }
}
