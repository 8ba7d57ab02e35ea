import Foundation
import Testing

@testable import CeleryRabbitMQ

@Suite struct CivilTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00"), (951_782_399, "2000-02-28T23:59:59"), (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"), (4_107_542_400, "2100-03-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"),
        ] as [(UInt64, String)]
    )
    func timesAreWrittenAsPythonWritesThem(seconds: UInt64, text: String) {
        #expect(CivilTime(secondsSince1970: seconds)?.description == text)
    }

    @Test func thereIsNoYear10000() {
        #expect(CivilTime(secondsSince1970: 253_402_300_800) == nil)
        #expect(CivilTime(secondsSince1970: .max) == nil)
    }

    @Test func everyThirdDayAgreesWithFoundation() throws {
        for seconds in stride(from: UInt64(0), to: 20_000_000_000, by: 86_400 * 3 + 7_919) {
            let expected = Date(timeIntervalSince1970: TimeInterval(seconds)).ISO8601Format().dropLast()
            try #require(CivilTime(secondsSince1970: seconds)?.description == String(expected))
        }
    }
}
