/// A time of day as Python's `time` has it.
struct PythonTime: Hashable {
    let hour: Int
    let minute: Int
    let second: Int
    let microsecond: Int
    /// How many microseconds the clock is ahead of UTC; `nil` for a naive time.
    let offsetMicroseconds: Int?

    /// Reads a time as kombu reads tagged values (`time.fromisoformat` of Python 3.11 and later).
    init(fromISOFormat text: String) throws(PythonValueError) {
        var copy = text
        let result = copy.withUTF8 { bytes in
            Result { () throws(PythonValueError) in
                var parser = ISOTimeParser(bytes, .fromISOFormat)
                return try parser.parseTime()
            }
        }
        let clock: ISOTimeParser.Clock
        do {
            clock = try result.get()
            // The checks of a full date and time are those of a time.
            _ = try PythonDateTime(
                year: 1,
                month: 1,
                day: 1,
                hour: clock.hour,
                minute: clock.minute,
                second: clock.second,
                microsecond: clock.microsecond,
                offset: clock.offset
            )
        } catch {
            throw PythonValueError("invalid time \(PythonRepr.quoted(text)): \(error)")
        }
        (hour, minute, second, microsecond) = (clock.hour, clock.minute, clock.second, clock.microsecond)
        offsetMicroseconds = clock.offset
    }
}
