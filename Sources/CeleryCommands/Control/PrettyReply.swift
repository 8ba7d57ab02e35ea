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
            return bracketed(
                "{",
                object.map { key, part in
                    var lines = json(part, top: false)
                    lines[0] = "\(text(.string(key))): \(lines[0])"
                    return lines
                }, "}")
        case .array(let values) where values.contains { $0.objectValue != nil }:
            return bracketed("[", values.map { json($0, top: false) }, "]")
        default: return [text(value)]
        }
    }

    private static func bracketed(_ open: String, _ parts: [[String]], _ close: String) -> [String] {
        let inner = parts.enumerated().flatMap { position, lines in
            position < parts.count - 1 ? lines.dropLast() + [lines[lines.count - 1] + ","] : lines
        }
        return [open] + inner.map { "    " + $0 } + [close]
    }

    private static func text(_ value: JSONValue) -> String { String(decoding: value.serialized(), as: UTF8.self) }
}
