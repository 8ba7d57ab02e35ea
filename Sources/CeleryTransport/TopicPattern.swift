/// The key that a queue is bound to a topic exchange by: words between dots, where `*` stands for one word and `#` for
/// any number of them.
///
/// Both come from strangers: matching takes a stack of its own size for any pattern, and about as many steps as both
/// have words.
package struct TopicPattern: Sendable {
    /// Where brokers differ.
    package enum Dialect: Sendable {
        /// AMQP's: `#` stands for no word as well.
        case amqp
        /// kombu's on Redis, whose regular expressions keep the dot before a `#`: it stands for at least one word,
        /// which may be empty, while `*` stands for one that is not.
        case kombu
    }

    private let words: [Substring]
    private let dialect: Dialect

    package init(_ pattern: String, dialect: Dialect = .amqp) {
        self.dialect = dialect
        words = Self.words(pattern, dialect)
    }

    /// Whether a message with this routing key goes to the queue.
    package func matches(_ key: String) -> Bool {
        let key = Self.words(key, dialect)
        // Every word of the pattern, or every one that is no `#`, stands for a word of the key.
        let least = dialect == .kombu ? words.count : words.count { $0 != "#" }
        guard least <= key.count else { return false }
        var (position, reached) = (0, 0)
        // The last `#`, and up to where it has reached: only it has to be tried with more words, those before it have
        // found the earliest place for what follows them.
        var last: (position: Int, reached: Int)?
        while true {
            if position < words.count, words[position] == "#" {
                let start = reached + (dialect == .kombu ? 1 : 0)
                guard start <= key.count else { return false }
                position += 1
                reached = start
                last = (position, start)
            } else if reached == key.count, position == words.count {
                return true
            } else if reached < key.count, position < words.count, fits(words[position], key[reached]) {
                position += 1
                reached += 1
            } else if let (start, end) = last, end < key.count {
                last = (start, end + 1)
                position = start
                reached = end + 1
            } else {
                return false
            }
        }
    }

    private func fits(_ pattern: Substring, _ word: Substring) -> Bool {
        if pattern == "*" { return dialect == .amqp || !word.isEmpty }
        return pattern == word
    }

    private static func words(_ text: String, _ dialect: Dialect) -> [Substring] {
        text.isEmpty && dialect == .amqp ? [] : text.split(separator: ".", omittingEmptySubsequences: false)
    }
}
