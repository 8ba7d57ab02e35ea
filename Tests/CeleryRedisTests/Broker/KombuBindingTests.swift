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

    /// Patterns come from whoever writes to the database.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            (String(repeating: "a.", count: 1_000_000) + "a", "a.b.c", false),
            (String(repeating: "#.", count: 1_000_000) + "#", "a.b.c", false),
            (String(repeating: "#.", count: 14) + "b", String(repeating: "a.", count: 60) + "a", false),
            (String(repeating: "#.a.", count: 300) + "b", String(repeating: "a.", count: 3000) + "a", false),
            (String(repeating: "*.", count: 100_000) + "#", String(repeating: "a.", count: 200_000) + "a", true),
        ])
    func aHostilePatternIsMatchedSoonOnAStackOfItsSize(pattern: String, key: String, matches: Bool) {
        let queue = KombuBinding([pattern, "^x$", "q"].joined(separator: "|"), separator: "|")
        #expect(queue?.matches(key) == matches)
    }
}
