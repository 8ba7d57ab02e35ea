import Testing

@testable import CeleryTransport

@Suite struct TopicPatternTests {
    /// RabbitMQ's answers; kombu's are in the tests of its bindings.
    @Test(arguments: [
        ("foo.#", "foo", true), ("foo.#", "foo.a.b", true), ("#", "", true), ("#", "a.b.c", true), ("", "", true),
        ("", "a", false), ("#.foo", "foo", true), ("#.foo", "a.foo", true), ("a.#.b", "a.b", true),
        ("a.#.b", "a.x.y.b", true), ("a.#.b", "a.x.y", false), ("*", "a", true), ("*", "a.b", false),
        ("a.*.c", "a.b.c", true), ("a.*.c", "a.c", false), ("#.a.#.b.#", "x.a.y.z.b", true),
        ("#.a.#.b.#", "x.b.y.z.a", false), ("#.#", "", true), ("#.a.b", "a.a.b", true), ("*.#.*", "a", false),
    ])
    func aPatternMatchesAsInAMQP(pattern: String, key: String, matches: Bool) {
        #expect(TopicPattern(pattern).matches(key) == matches)
    }
}
