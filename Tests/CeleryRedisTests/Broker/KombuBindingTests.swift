import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct KombuBindingTests {
    @Test func theMemberIsKombus() {
        #expect(KombuBinding("celery").member(separator: "\u{6}\u{16}") == "celery\u{6}\u{16}\u{6}\u{16}celery")
        let topic = Queue("q", exchange: "ex", exchangeType: .topic, routingKey: "a.*.b.#")
        #expect(
            KombuBinding(topic).member(separator: "\u{6}\u{16}")
                == #"a.*.b.#\#u{6}\#u{16}^a\.[^\.]+\.b\..*?$\#u{6}\#u{16}q"#)
    }

    /// The answers of `TopicExchange.key_to_pattern` in Python.
    @Test(arguments: [
        ("image-small.x_y", #"^image\-small\.x\_y$"#), ("é.²½.Ⅷ", "^é\\.²½\\.Ⅷ$"), ("a b", #"^a\ b$"#),
        ("a*b.#c", "^a*b\\.#c$"), ("e\u{301}", "^e\\\u{301}$"), ("a\0b", #"^a\000b$"#),
    ])
    func aPatternIsEscapedAsInKombu(key: String, pattern: String) {
        let queue = Queue("q", exchange: "ex", exchangeType: .topic, routingKey: key)
        #expect(KombuBinding(queue).pattern == pattern)
    }

    @Test(arguments: ["celery", "a.b", "", "é"])
    func aMemberIsReadAsItWasWritten(key: String) throws {
        let binding = KombuBinding(Queue("q", exchange: "ex", exchangeType: .topic, routingKey: key))
        #expect(try #require(KombuBinding(binding.member(separator: ":"), separator: ":")) == binding)
    }

    @Test(arguments: ["", "a", "a\u{6}\u{16}b", "a\u{6}\u{16}b\u{6}\u{16}c\u{6}\u{16}d"])
    func anotherFormIsNone(member: String) {
        #expect(KombuBinding(member, separator: "\u{6}\u{16}") == nil)
    }

    /// The answers of `re.match(pattern, key)` in Python.
    @Test(arguments: [
        ("foo.#", "foo", false), ("foo.#", "foo.", true), ("foo.#", "foo.a", true), ("foo.#", "foo.a.b", true),
        ("#", "", true), ("#", "a.b.c", true), ("#.foo", "foo", false), ("#.foo", ".foo", true),
        ("#.foo", "a.b.foo", true), ("a.#.b", "a.b", false), ("a.#.b", "a.x.y.b", true), ("a.#.b", "a..b", true),
        ("*", "a", true), ("*", "", false), ("*", "a.b", false), ("a.*", "a.b", true), ("a.*", "a.", false),
        ("a.*.c", "a.b.c", true), ("a.*.c", "a.b.b.c", false), ("a..b", "a..b", true), ("a..b", "a.b", false),
        ("a.b", "a.b", true), ("a.b", "axb", false), ("a.b", "a.b.c", false),
    ])
    func aTopicMatchesAsInKombu(pattern: String, key: String, matches: Bool) {
        let binding = KombuBinding(Queue("q", exchange: "ex", exchangeType: .topic, routingKey: pattern))
        #expect(binding.matches(key) == matches)
    }

    @Test func aDirectBindingTakesItsOwnKeyOnly() {
        let binding = KombuBinding(Queue("q", exchange: "ex", routingKey: "a.#"))
        #expect(binding.matches("a.#"))
        #expect(!binding.matches("a.b"))
    }

    /// A word so often, and what follows. (As a text of a million words it takes the test longer to name its case than to
    /// run it.)
    struct Words: Sendable, CustomTestStringConvertible {
        let word: String
        let count: Int
        let end: String

        init(_ word: String, _ count: Int, _ end: String) { (self.word, self.count, self.end) = (word, count, end) }

        var text: String { String(repeating: word, count: count) + end }
        var testDescription: String { "\(count) times \(word), \(end)" }
    }

    /// Patterns come from whoever writes to the database.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            (Words("a.", 1_000_000, "a"), Words("a.", 1, "b.c"), false),
            (Words("#.", 1_000_000, "#"), Words("a.", 1, "b.c"), false),
            (Words("#.", 14, "b"), Words("a.", 60, "a"), false),
            (Words("#.a.", 300, "b"), Words("a.", 3000, "a"), false),
            (Words("*.", 100_000, "#"), Words("a.", 200_000, "a"), true),
        ])
    func aHostilePatternIsMatchedSoonOnAStackOfItsSize(pattern: Words, key: Words, matches: Bool) {
        let queue = KombuBinding([pattern.text, "^x$", "q"].joined(separator: "|"), separator: "|")
        #expect(queue?.matches(key.text) == matches)
    }
}
