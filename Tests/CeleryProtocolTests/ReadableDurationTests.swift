import CeleryProtocol
import Testing

/// Durations are shown so that people can read them.
@Suite struct ReadableDurationTests {
    static let texts: [(Duration, String)] = [
        (.zero, "0 s"), (.nanoseconds(400), "0 s"), (.microseconds(7), "7 µs"), (.microseconds(999), "999 µs"),
        (.nanoseconds(999_600), "1 ms"), (.microseconds(8_800), "8.8 ms"), (.microseconds(8_050), "8.05 ms"),
        (.milliseconds(123.4), "123 ms"), (.milliseconds(12.34), "12.3 ms"), (.milliseconds(999.96), "1 s"),
        (.milliseconds(9.996), "10 ms"), (.milliseconds(99.96), "100 ms"),
        (.seconds(1.25), "1.25 s"), (.seconds(3), "3 s"), (.seconds(10), "10 s"),
        (.seconds(59.9), "59.9 s"), (.seconds(59.999), "1 min"), (.seconds(60), "1 min"), (.seconds(125), "2 min 5 s"),
        (.seconds(119.9), "2 min"), (.seconds(3600), "1 h"), (.seconds(12_000), "3 h 20 min"),
        (.seconds(187_200), "2 d 4 h"), (.milliseconds(-8.8), "-8.8 ms"), (.seconds(-125), "-2 min 5 s"),
    ]

    @Test(arguments: texts) func aDurationHasTwoOrThreeDigits(duration: Duration, text: String) {
        #expect(ReadableDuration(duration).description == text)
    }

    @Test func thereIsNoDurationThatCannotBeShown() {
        for seconds in [Int64.min, .min + 1, .max] {
            let duration = Duration(secondsComponent: seconds, attosecondsComponent: 0)
            #expect(ReadableDuration(duration).description.hasSuffix(" h"))
        }
    }
}
