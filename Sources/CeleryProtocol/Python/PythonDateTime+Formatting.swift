extension PythonDateTime {
    /// What Python's `isoformat()` gives: `2030-01-02T03:04:05.678901+00:00`. As there, the microseconds are left out
    /// when they are zero, and a naive time has no offset.
    public var isoFormat: String {
        String(unsafeUninitializedCapacity: 48) { output in
            var text = DigitWriter(output)
            text.write(dateOf: self)
            text.write("T")
            text.writeClock(hour: hour, minute: minute, second: second, microsecond: microsecond)
            if let offsetMicroseconds { text.write(offset: offsetMicroseconds) }
            return text.count
        }
    }

    /// What Python's `date().isoformat()` gives: `2030-01-02`.
    var isoDate: String {
        String(unsafeUninitializedCapacity: 16) { output in
            var text = DigitWriter(output)
            text.write(dateOf: self)
            return text.count
        }
    }
}

extension PythonTime {
    /// What Python's `isoformat()` gives.
    var isoFormat: String {
        String(unsafeUninitializedCapacity: 32) { output in
            var text = DigitWriter(output)
            text.writeClock(hour: hour, minute: minute, second: second, microsecond: microsecond)
            if let offsetMicroseconds { text.write(offset: offsetMicroseconds) }
            return text.count
        }
    }
}

/// Writes numbers with a fixed width into memory that is known to have room.
private struct DigitWriter {
    private let output: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ output: UnsafeMutableBufferPointer<UInt8>) { self.output = output }

    mutating func write(_ character: Unicode.Scalar) {
        guard count < output.count else { return }
        output[count] = UInt8(ascii: character)
        count += 1
    }

    mutating func write(_ value: Int, digits: Int) {
        guard count + digits <= output.count else { return }
        var rest = value
        for place in (0..<digits).reversed() {
            output[count + place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }

    mutating func write(dateOf time: PythonDateTime) {
        write(time.year, digits: 4)
        write("-")
        write(time.month, digits: 2)
        write("-")
        write(time.day, digits: 2)
    }

    mutating func writeClock(hour: Int, minute: Int, second: Int, microsecond: Int) {
        write(hour, digits: 2)
        write(":")
        write(minute, digits: 2)
        write(":")
        write(second, digits: 2)
        if microsecond != 0 {
            write(".")
            write(microsecond, digits: 6)
        }
    }

    mutating func write(offset: Int) {
        write(offset < 0 ? "-" : "+")
        let seconds = Int(offset.magnitude) / 1_000_000
        let microseconds = Int(offset.magnitude) % 1_000_000
        write(seconds / 3600, digits: 2)
        write(":")
        write(seconds / 60 % 60, digits: 2)
        if seconds % 60 != 0 || microseconds != 0 {
            write(":")
            write(seconds % 60, digits: 2)
        }
        if microseconds != 0 {
            write(".")
            write(microseconds, digits: 6)
        }
    }
}
