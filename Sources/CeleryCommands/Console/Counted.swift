/// A number of things, in words.
enum Counted {
    static func text(_ count: Int, _ word: String) -> String { "\(count) \(plural(count, word))" }

    static func plural(_ count: Int, _ word: String) -> String { count == 1 ? word : word + "s" }
}
