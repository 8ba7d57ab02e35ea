import Testing

@testable import CeleryRedis

@Suite struct KombuKeysTests {
    let keys = KombuKeys()

    @Test(
        arguments: [
            (nil, "q"), (-1, "q"), (0, "q"), (1, "q"), (2, "q"), (3, "q\u{6}\u{16}3"), (4, "q\u{6}\u{16}3"),
            (5, "q\u{6}\u{16}3"), (6, "q\u{6}\u{16}6"), (8, "q\u{6}\u{16}6"), (9, "q\u{6}\u{16}9"),
            (10, "q\u{6}\u{16}9"),
            (255, "q\u{6}\u{16}9"), (Int.max, "q\u{6}\u{16}9"), (Int.min, "q"),
        ] as [(Int?, String)])
    func aPriorityIsRoundedDownToItsStep(priority: Int?, key: String) {
        #expect(keys.queue("q", priority: priority) == key)
    }

    @Test func otherKeysAreKombus() {
        #expect(keys.bindings("ex") == "_kombu.binding.ex")
        #expect(keys.permanentBindings("ex") == "_kombu.binding_permanent.ex")
        #expect(keys.result("id") == "celery-task-meta-id")
        #expect(keys.deadLetters("q") == "q.dead-letter")
    }
}
