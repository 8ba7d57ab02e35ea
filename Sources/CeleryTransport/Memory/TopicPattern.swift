/// The key that a queue is bound to a topic exchange by: words between dots, where `*` stands for one word and `#` for
/// any number of them.
struct TopicPattern {
    private let words: [Substring]

    init(_ pattern: String) { words = Self.words(pattern) }

    /// Whether a message with this routing key goes to the queue.
    func matches(_ key: String) -> Bool {
        // Which words of the key the pattern can have reached, one word of the pattern after the other.
        let key = Self.words(key)
        var reached = [true] + Array(repeating: false, count: key.count)
        for word in words {
            if word == "#" {
                for index in key.indices where reached[index] { reached[index + 1] = true }
            } else {
                for index in key.indices.reversed() {
                    reached[index + 1] = reached[index] && (word == "*" || word == key[index])
                }
                reached[0] = false
            }
        }
        return reached[key.count]
    }

    private static func words(_ text: String) -> [Substring] {
        text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false)
    }
}
