import Testing

@testable import CeleryRedis

@Suite struct LifeWatchTests {
    var watch = LifeWatch()
    let start = ContinuousClock.now

    /// Looks after so many seconds.
    mutating func look(
        at seconds: Double, _ sign: String, answerTakes delay: Double = 0, outages: Int = 0
    ) -> [String] {
        watch.note(
            [("a", sign)], asked: start + .seconds(seconds), heard: start + .seconds(seconds + delay),
            outages: outages, time: 1000
        ).dead.map(\.consumer)
    }

    @Test mutating func whoseSignDoesNotChangeForItsLeaseIsDead() {
        for second in stride(from: 0.0, through: 50, by: 10) { #expect(look(at: second, "alive 1 60") == []) }
        #expect(look(at: 60, "alive 1 60") == ["a"])
    }

    @Test mutating func whoseSignChangesLives() {
        for second in stride(from: 0.0, through: 600, by: 10) {
            #expect(look(at: second, "alive \(Int(second) / 20) 60") == [])
        }
    }

    @Test mutating func theLeaseIsThatOfWhoGivesTheSign() {
        for second in stride(from: 0.0, to: 600, by: 10) { #expect(look(at: second, "alive 1 600.0") == []) }
        #expect(look(at: 600, "alive 1 600.0") == ["a"])
    }

    /// The whole machine was paused, the server too: live consumers have not given a sign either.
    @Test mutating func aLongPauseBetweenTwoLooksCountsForLittle() {
        #expect(look(at: 0, "alive 1 60") == [])
        #expect(look(at: 5000, "alive 1 60") == [])
        #expect(look(at: 5010, "alive 1 60") == [])
        #expect(look(at: 5020, "alive 2 60") == [])
    }

    /// This process was stopped before it read the answer.
    @Test mutating func theTimeThatAnAnswerTakesDoesNotCount() {
        #expect(look(at: 0, "alive 1 60", answerTakes: 500) == [])
        #expect(look(at: 501, "alive 1 60", answerTakes: 500) == [])
        #expect(look(at: 1002, "alive 1 60", answerTakes: 500) == [])
        #expect(look(at: 1503, "alive 1 60") == [])
    }

    /// Whoever is back first finds the signs of before.
    @Test mutating func outagesDoNotAddUp() {
        for outage in 0..<10 {
            #expect(look(at: 100 * Double(outage), "alive 1 60", outages: outage) == [])
            #expect(look(at: 100 * Double(outage) + 10, "alive 1 60", outages: outage) == [])
        }
    }

    @Test mutating func afterALostConnectionTheCountBeginsAnew() {
        for second in stride(from: 0.0, through: 50, by: 10) { #expect(look(at: second, "alive 1 60") == []) }
        watch.startAgain()
        for second in stride(from: 60.0, through: 110, by: 10) { #expect(look(at: second, "alive 1 60") == []) }
        #expect(look(at: 120, "alive 1 60") == ["a"])
    }

    @Test mutating func whoDiesWhileRestoringIsRelieved() {
        for second in stride(from: 0.0, through: 50, by: 10) { #expect(look(at: second, "restoring b 1") == []) }
        #expect(look(at: 60, "restoring b 1") == ["a"])
    }

    @Test mutating func theDeadAreForgottenAfterAnHour() {
        for (time, isForgotten) in [(1000.0, false), (1000 + 3599, false), (1000 + 3601, true)] {
            let (dead, forgotten) = watch.note(
                [("a", "dead 1000.0")], asked: start, heard: start, outages: 0, time: time)
            #expect(dead.isEmpty)
            #expect(forgotten.map(\.consumer) == (isForgotten ? ["a"] : []))
        }
    }

    @Test(arguments: [
        "", "x", "alive", "alive -1 60", "alive 1 nan", "alive 1 -5", "alive 1 inf", "dead x", "restoring a",
    ])
    mutating func aSignThatCannotBeReadCountsByWhetherItChanges(sign: String) {
        for second in stride(from: 0.0, through: 50, by: 10) { #expect(look(at: second, sign) == []) }
        #expect(look(at: 60, sign) == ["a"])
        #expect(look(at: 70, sign + "!") == [])
    }

    @Test(arguments: [
        SignOfLife.alive(count: 7, lease: 0.5), .restoring(observer: "b", count: 2), .dead(time: 1234.5),
    ])
    func aSignIsReadAsItWasWritten(sign: SignOfLife) {
        #expect(SignOfLife(sign.text) == sign)
    }
}
