import CeleryTransport
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

    /// What is below the first step is kombu's `steps[bisect(steps, priority) - 1]`: the last one.
    @Test(arguments: [
        ([0, 1, 5], 0, "q"), ([0, 1, 5], 1, "q:1"), ([0, 1, 5], 4, "q:1"), ([0, 1, 5], 9, "q:5"), ([3, 6], 0, "q:6"),
        ([3, 6], 5, "q:3"), ([0], 9, "q"), (Array(0..<10), 7, "q:7"),
    ])
    func stepsAndSeparatorAreSettings(steps: [Int], priority: Int, key: String) {
        #expect(KombuKeys(prioritySteps: steps, separator: ":").queue("q", priority: priority) == key)
    }

    @Test func otherKeysAreKombus() {
        #expect(keys.bindings("ex") == "_kombu.binding.ex")
        #expect(keys.permanentBindings("ex") == "_kombu.binding_permanent.ex")
        #expect(keys.result("id") == "celery-task-meta-id")
        #expect(keys.deadLetters("q") == "q.dead-letter")
    }

    @Test(arguments: [
        "unacked", "unacked_index", "unacked_mutex", "_kombu.binding.celery", "_kombu.binding_permanent.x",
        "celery-task-meta-7", "unacked_swift_workers", "unacked_swift_etas", "",
    ])
    func aKeyOfItsOwnIsNoQueue(name: String) {
        #expect(throws: TransportError.self) { try keys.checkQueue(name) }
    }

    @Test(arguments: ["celery", "unacked.dead-letter", "unacked2", "kombu", "_kombu"])
    func otherNamesAreQueues(name: String) throws {
        try keys.checkQueue(name)
    }

    @Test func theNameInTheErrorIsShortAndOnOneLine() {
        let name = "_kombu.binding.\n\u{1B}[31m" + String(repeating: "x", count: 100_000)
        let error = #expect(throws: TransportError.self) { try keys.checkQueue(name) }
        #expect((error?.message.utf8.count ?? 1000) < 300)
        #expect(error?.message.contains("\n") == false)
    }
}
