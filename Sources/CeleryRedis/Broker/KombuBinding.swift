internal import CeleryTransport

/// A member of an exchange's binding set: which queue gets messages of which routing key.
struct KombuBinding: Sendable, Equatable {
    let routingKey: String
    /// kombu's regular expression for topic exchanges; empty for direct ones.
    let pattern: String
    let queue: String

    /// The binding of a queue as Celery declares it.
    init(_ queue: Queue) {
        routingKey = queue.routingKey
        pattern = queue.exchangeType == .topic ? Self.pattern(queue.routingKey) : ""
        self.queue = queue.name
    }

    /// Reads a member of the set; `nil` for one that has another form.
    init?(_ member: String, separator: String) {
        let fields = member.split(separator: separator, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        routingKey = String(fields[0])
        pattern = String(fields[1])
        queue = String(fields[2])
    }

    /// The member of the set.
    func member(separator: String) -> String {
        [routingKey, pattern, queue].joined(separator: separator)
    }

    /// Whether a message with this key goes to the queue. kombu tells topic exchanges by the pattern alone here.
    func matches(_ key: String) -> Bool {
        pattern.isEmpty ? routingKey == key : TopicPattern(routingKey, dialect: .kombu).matches(key)
    }

    /// The queues that get a message with this key, each once, whatever number of bindings it has.
    static func queues(for key: String, in bindings: [KombuBinding]) -> [String] {
        var seen: Set<String> = []
        return bindings.filter { $0.matches(key) && seen.insert($0.queue).inserted }.map(\.queue)
    }

    /// `*` is one word, `#` any rest; as kombu's expression has it, what stands before `#` keeps its dot.
    private static func pattern(_ key: String) -> String {
        let words = words(key).map { word in
            switch word {
            case "*": "[^\\.]+"
            case "#": ".*?"
            default: escape(word)
            }
        }
        return "^" + words.joined(separator: "\\.") + "$"
    }

    /// As kombu's `escape_regex`, so that the binding is the same member of the set in both languages: whatever Python
    /// does not count as a letter or a number gets a backslash.
    private static func escape(_ word: Substring) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in word.unicodeScalars {
            if scalar == "\0" {
                escaped.append(contentsOf: "\\000".unicodeScalars)
                continue
            }
            // Within a word: `.` separates them.
            if !isAlphanumeric(scalar), scalar != "*", scalar != "#" { escaped.append("\\") }
            escaped.append(scalar)
        }
        return String(escaped)
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: scalar.properties.numericType != nil
        }
    }

    private static func words(_ key: String) -> [Substring] {
        key.split(separator: ".", omittingEmptySubsequences: false)
    }
}
