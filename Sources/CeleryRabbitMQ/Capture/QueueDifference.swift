internal import CeleryProtocol

/// What RabbitMQ says when a queue is there and was declared otherwise: `inequivalent arg 'x-expires' for queue 'q' in vhost
/// '/': received none but current is the value '600000' of type 'signedint'`.
struct QueueDifference: Equatable {
    /// What differs: `durable`, `auto_delete`, or an argument.
    let name: String
    /// What the queue was declared with; null for nothing.
    let current: JSONValue

    /// Reads an error's text; `nil` for every other text.
    init?(_ text: String) {
        guard let start = text.firstRange(of: "inequivalent arg '"),
            let nameEnd = text[start.upperBound...].firstIndex(of: "'"),
            let middle = text.ranges(of: " but current is ").last
        else { return nil }
        name = String(text[start.upperBound..<nameEnd])
        guard let current = Self.value(text[middle.upperBound...]) else { return nil }
        self.current = current
    }

    /// Reads `none`, `'quorum'` or `the value '10' of type 'signedint'`.
    private static func value(_ text: Substring) -> JSONValue? {
        if text == "none" { return .null }
        if let word = quoted(text) { return .string(word) }
        guard text.hasPrefix("the value "), let middle = text.ranges(of: " of type ").last,
            let value = quoted(text[text.index(text.startIndex, offsetBy: 10)..<middle.lowerBound]),
            let type = quoted(text[middle.upperBound...])
        else { return nil }
        switch type {
        case "longstr": return .string(value)
        case "bool": return ["true": true, "false": false][value]
        case "signedint", "unsignedint", "long", "short", "unsignedshort", "byte", "unsignedbyte":
            return Int(value).map { .integer($0) }
        default: return nil
        }
    }

    private static func quoted(_ text: Substring) -> String? {
        guard text.count >= 2, text.first == "'", text.last == "'" else { return nil }
        return String(text.dropFirst().dropLast())
    }
}
