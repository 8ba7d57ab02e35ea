import CeleryProtocol
import Testing

@Suite struct DurationTests {
    @Test(arguments: [0, 0.001, 0.1, 0.3, 1.1, 1.5, 2.675, 60, 86_400, 1e9 + 0.125, -5])
    func secondsOfPythonSurviveThereAndBack(seconds: Double) {
        #expect(Duration(seconds: seconds)?.inSeconds == seconds)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300, 1e15])
    func whatIsNoSpanOfTimeIsNone(seconds: Double) {
        #expect(Duration(seconds: seconds) == nil)
    }

    @Test(
        arguments: [
            (.milliseconds(1500), 1500), (.microseconds(1999), 1), (.seconds(-1.5), -1500), (.seconds(Int64.max), .max),
            (.seconds(Int64.min), .min), (.milliseconds(Int64.max) + .milliseconds(1), .max),
            (.milliseconds(Int64.min) - .milliseconds(1), .min), (.milliseconds(Int64.max), .max),
        ] as [(Duration, Int)])
    func millisecondsAreWhole(duration: Duration, milliseconds: Int) {
        #expect(duration.inMilliseconds == milliseconds)
    }

    @Test func anExpirationIsReadAsRabbitMQReadsIt() {
        #expect(Duration(expiration: "60000") == .seconds(60))
        // Python writes more than RabbitMQ takes; Redis does not look at it.
        for text in ["0", "4294967295", "729472885896", "\(Int.max)"] {
            #expect(Duration(expiration: text)?.expirationText == text)
        }
        for text in ["", "soon", "-1", "+1", "1.5", "9223372036854775808"] {
            #expect(Duration(expiration: text) == nil)
        }
    }
}
