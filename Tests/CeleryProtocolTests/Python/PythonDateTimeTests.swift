import CeleryProtocol
import Foundation
import Testing

@Suite("Python's times")
struct PythonDateTimeTests {
    @Test(
        "Times are read as dateutil reads them",
        arguments: [
            ("2030-01-02T03:04:05.678901+00:00", "2030-01-02T03:04:05.678901+00:00"),
            ("2030-01-02T03:04:05", "2030-01-02T03:04:05"),
            ("2030-01-02 03:04:05Z", "2030-01-02T03:04:05+00:00"),
            ("2030-01-02T03:04:05.5z", "2030-01-02T03:04:05.500000+00:00"),
            ("2030-01-02T03:04:05,123456789", "2030-01-02T03:04:05.123456"),
            ("2030-01-02T03:04-05:30", "2030-01-02T03:04:00-05:30"),
            ("2030-01-02T03+0100", "2030-01-02T03:00:00+01:00"),
            ("2030-01-02T03+01", "2030-01-02T03:00:00+01:00"),
            ("20300102T030405", "2030-01-02T03:04:05"),
            ("2030-01-02", "2030-01-02T00:00:00"), ("20300102", "2030-01-02T00:00:00"),
            ("2030-01", "2030-01-01T00:00:00"), ("2030", "2030-01-01T00:00:00"),
            ("2020-12-31T24:00:00", "2021-01-01T00:00:00"),
            ("2020-W53-5", "2021-01-01T00:00:00"), ("2020W01", "2019-12-30T00:00:00"),
            ("2020-366", "2020-12-31T00:00:00"), ("2020060", "2020-02-29T00:00:00"),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00"),
            ("9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999"),
        ]
    )
    func isoparse(_ text: String, _ expected: String) throws {
        #expect(try PythonDateTime(isoparse: text).isoFormat == expected)
    }

    @Test(
        "Anything else is an error with the text in it, never a trap",
        arguments: [
            "", " ", "T", "203", "2030-", "2030-1-2", "2030-13-01", "2030-02-29", "2030-00-10", "0000-01-01", "203001",
            "2030-01-02T", "2030-01-02T3", "2030-01-02T25:00", "2030-01-02T24:00:01", "2030-01-02T03:60",
            "2030-01-02T03:04:60", "2030-01-02T03:04:05.", "2030-01-02T03:04:05.x", "2030-01-02T03:0405",
            "2030-01-02T0304:05", "2030-01-02T03:04:05+", "2030-01-02T03:04:05+1", "2030-01-02T03:04:05+24:00",
            "2030-01-02T03:04:05+01:00:00", "2030-01-02T03:04:05 UTC", "2030-01-02T03:04:05ZZ", "2030-W54", "2030-W00",
            "2030-W01-8", "2030-W1", "2030-367", "2021-366", "2030-000", "9999-12-31T24:00", "１２３４-01-01",
            "2030-01-02é03:04", "tomorrow", "1700000000.5", "-2030-01-01", "99999999999999999999",
        ]
    )
    func malformed(_ text: String) {
        #expect {
            try PythonDateTime(isoparse: text)
        } throws: { error in
            (error as? PythonValueError)?.description.contains("invalid time") == true
        }
    }

    @Test("Every prefix and every single changed byte is read or refused without a trap")
    func mutations() {
        let text = Array("2030-01-02T03:04:05.678901+01:30".utf8)
        var refused = 0
        for position in text.indices {
            for byte in UInt8(0x20)...0x7F {
                var changed = text
                changed[position] = byte
                let candidate = String(decoding: changed, as: UTF8.self)
                for candidate in [candidate, String(candidate.prefix(position))] {
                    do {
                        _ = try PythonDateTime(isoparse: candidate)
                        _ = try PythonDateTime(fromISOFormat: candidate)
                    } catch {
                        refused += 1
                    }
                }
            }
        }
        #expect(refused > 1000)
    }

    @Test("kombu's dialect wants a day, and knows no hour 24")
    func fromISOFormat() throws {
        #expect(try PythonDateTime(fromISOFormat: "2030-01-02").isoFormat == "2030-01-02T00:00:00")
        #expect(
            try PythonDateTime(fromISOFormat: "2030-01-02T03:04:05.5+01:02:03.000004").isoFormat
                == "2030-01-02T03:04:05.500000+01:02:03.000004"
        )
        for text in ["2030", "2030-01", "2030-001", "2030-01-02T24:00", "2021-W53", "2030-01-02T", "2030-01-02T03:04z"]
        {
            #expect(throws: PythonValueError.self) { try PythonDateTime(fromISOFormat: text) }
        }
    }

    @Test("A naive time is UTC unless another clock is given")
    func naive() throws {
        let time = try PythonDateTime(isoparse: "1970-01-01T01:00:00")
        #expect(time.offset == nil)
        #expect(time.date() == Date(timeIntervalSince1970: 3600))
        #expect(time.date(assumingOffset: .seconds(3600)) == Date(timeIntervalSince1970: 0))
        let aware = try PythonDateTime(isoparse: "1970-01-01T01:00:00+01:00")
        #expect(aware.date(assumingOffset: .seconds(-7200)) == Date(timeIntervalSince1970: 0))
    }

    @Test(
        "Dates survive to the microsecond",
        arguments: [0, 1, -1, 1_577_840_523_000_004, 4_102_444_799_999_999, -1_577_840_523_000_004]
    )
    func microseconds(_ microseconds: Int) throws {
        let time = try PythonDateTime(microsecondsSince1970: microseconds)
        #expect(time.microsecondsSince1970() == microseconds)
        #expect(try PythonDateTime(time.date()) == time)
        #expect(try PythonDateTime(isoparse: time.isoFormat) == time)
    }

    @Test("Every day from 1 to 9999 is the one after its predecessor")
    func calendar() throws {
        let microsecondsPerDay = 86_400_000_000
        let first = try PythonDateTime(isoparse: "0001-01-01").microsecondsSince1970()
        let last = try PythonDateTime(isoparse: "9999-12-31").microsecondsSince1970()
        var previous = try PythonDateTime(microsecondsSince1970: first)
        var leapDays = 0
        for moment in stride(from: first + microsecondsPerDay, through: last, by: microsecondsPerDay) {
            let day = try PythonDateTime(microsecondsSince1970: moment)
            let follows =
                day.day == previous.day + 1 && day.month == previous.month && day.year == previous.year
                || day.day == 1 && day.month == previous.month + 1 && day.year == previous.year
                || day.day == 1 && day.month == 1 && previous.month == 12 && day.year == previous.year + 1
            if !follows || day.microsecondsSince1970() != moment {
                Issue.record("\(day.isoFormat) after \(previous.isoFormat)")
                return
            }
            if day.month == 2, day.day == 29 { leapDays += 1 }
            previous = day
        }
        #expect(leapDays == 2424)
        #expect(throws: PythonValueError.self) { try PythonDateTime(microsecondsSince1970: first - 1) }
        #expect(throws: PythonValueError.self) {
            try PythonDateTime(microsecondsSince1970: last + microsecondsPerDay)
        }
        #expect(throws: PythonValueError.self) { try PythonDateTime(microsecondsSince1970: .max) }
        #expect(throws: PythonValueError.self) { try PythonDateTime(microsecondsSince1970: .min) }
    }

    @Test(
        "AMQP's seconds are a time without a zone, up to the year 9999",
        arguments: [
            (0, "1970-01-01T00:00:00"), (951_782_399, "2000-02-28T23:59:59"), (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"), (4_107_542_400, "2100-03-01T00:00:00"),
            (253_402_300_799, "9999-12-31T23:59:59"), (253_402_300_800, nil), (.max, nil),
        ] as [(UInt64, String?)])
    func naiveSeconds(_ seconds: UInt64, _ text: String?) throws {
        guard let text else {
            #expect(throws: PythonValueError.self) { try PythonDateTime(naiveSecondsSince1970: seconds) }
            return
        }
        #expect(try PythonDateTime(naiveSecondsSince1970: seconds).isoFormat == text)
    }

    /// As `datetime.fromtimestamp` has it.
    @Test func aDateIsRoundedByItsFractionAlone() throws {
        let date = Date(timeIntervalSince1970: 1_795_779_756.2906985)
        #expect(try PythonDateTime(date).isoFormat == "2026-11-27T11:42:36.290699+00:00")
        #expect(try PythonDateTime(Date(timeIntervalSince1970: -0.25)).isoFormat == "1969-12-31T23:59:59.750000+00:00")
        #expect(throws: PythonValueError.self) { try PythonDateTime(Date(timeIntervalSince1970: 1e13)) }
    }
}
