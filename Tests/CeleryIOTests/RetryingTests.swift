import CeleryIO
import Testing

@Suite struct RetryingTests {
    private struct Passing: Error, Equatable { let number: Int }
    private struct Final: Error {}

    private final class Pauses {
        var all: [Duration] = []
        var told: [Int] = []
    }

    private func run(
        _ pauses: Pauses, _ schedule: RetrySchedule = RetrySchedule(), tries: Int? = nil,
        _ body: (Int, inout RetrySchedule) throws -> Int
    ) async throws -> Int {
        var number = 0
        return try await retrying(schedule, tries: tries, while: { $0 is Passing }) { error, _ in
            if let error = error as? Passing { pauses.told.append(error.number) }
        } pause: {
            pauses.all.append($0)
        } _: { schedule in
            number += 1
            return try body(number, &schedule)
        }
    }

    @Test func whatPassesIsTriedUntilItSucceeds() async throws {
        let pauses = Pauses()
        let value = try await run(pauses, RetrySchedule(isFirstAtOnce: true)) { number, _ in
            if number < 4 { throw Passing(number: number) }
            return number
        }
        #expect(value == 4)
        #expect(pauses.told == [1, 2, 3])
        #expect(pauses.all.count == 2, "the first further try waits for nothing")
    }

    @Test func whatDoesNotPassIsThrown() async {
        let pauses = Pauses()
        await #expect(throws: Final.self) { try await run(pauses) { _, _ in throw Final() } }
        #expect(pauses.all.isEmpty)
    }

    @Test func theLastErrorIsThrown() async {
        let pauses = Pauses()
        await #expect(throws: Passing(number: 3)) {
            try await run(pauses, tries: 2) { number, _ in throw Passing(number: number) }
        }
    }

    @Test func withoutTriesTheFirstErrorIsThrown() async {
        let pauses = Pauses()
        await #expect(throws: Passing(number: 1)) {
            try await run(pauses, tries: 0) { number, _ in throw Passing(number: number) }
        }
        #expect(pauses.all.isEmpty)
    }

    @Test func progressBringsNewTries() async {
        let pauses = Pauses()
        await #expect(throws: Passing(number: 5)) {
            try await run(pauses, tries: 2) { number, schedule in
                if number == 3 { schedule.reset() }
                throw Passing(number: number)
            }
        }
    }
}
