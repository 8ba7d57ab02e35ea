extension PythonRepr {
    /// The `repr` of the Python value that an object stands for, or `nil` if it is just a dictionary.
    static func taggedText(_ object: JSONObject) -> String? {
        // An invalid tagged object never becomes a value in Python; what it holds is the most useful text then.
        let tagged: TaggedValue?
        do { tagged = try TaggedValue(object) } catch { return nil }
        guard let tagged else { return nil }
        switch tagged {
        case .dateTime(let time):
            var parts = [time.year, time.month, time.day, time.hour, time.minute]
            if time.second != 0 || time.microsecond != 0 { parts.append(time.second) }
            if time.microsecond != 0 { parts.append(time.microsecond) }
            return "datetime.datetime(" + parts.map(String.init).joined(separator: ", ")
                + zone(time.offsetMicroseconds) + ")"
        case .date(let date):
            return "datetime.date(\(date.year), \(date.month), \(date.day))"
        case .time(let time):
            var parts = [time.hour, time.minute]
            if time.second != 0 || time.microsecond != 0 { parts.append(time.second) }
            if time.microsecond != 0 { parts.append(time.microsecond) }
            return "datetime.time(" + parts.map(String.init).joined(separator: ", ") + zone(time.offsetMicroseconds)
                + ")"
        case .decimal(let decimal):
            return "Decimal('\(decimal.text)')"
        case .uuid(let bytes):
            return "UUID('\(uuidText(bytes))')"
        case .bytes(let bytes):
            return text(of: bytes)
        }
    }

    /// Sixteen bytes as a UUID is written, in lower case with hyphens.
    static func uuidText(_ bytes: [UInt8]) -> String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if index == 4 || index == 6 || index == 8 || index == 10 { text += "-" }
            text += hex(UInt32(byte), digits: 2)
        }
        return text
    }

    private static func zone(_ offset: Int?) -> String {
        guard let offset else { return "" }
        if offset == 0 { return ", tzinfo=datetime.timezone.utc" }
        // A timedelta keeps its seconds positive and borrows from the days.
        let (days, rest) = CivilDate.divide(offset, by: PythonDateTime.microsecondsPerDay)
        var parts: [String] = []
        if days != 0 { parts.append("days=\(days)") }
        if rest / 1_000_000 != 0 { parts.append("seconds=\(rest / 1_000_000)") }
        if rest % 1_000_000 != 0 { parts.append("microseconds=\(rest % 1_000_000)") }
        return ", tzinfo=datetime.timezone(datetime.timedelta(" + parts.joined(separator: ", ") + "))"
    }

    private static func text(of bytes: [UInt8]) -> String {
        let quote: Unicode.Scalar =
            bytes.contains(UInt8(ascii: "'")) && !bytes.contains(UInt8(ascii: "\"")) ? "\"" : "'"
        var text = "b\(quote)"
        for byte in bytes {
            switch byte {
            case 0x0A: text += "\\n"
            case 0x0D: text += "\\r"
            case 0x09: text += "\\t"
            case 0x5C: text += "\\\\"
            case UInt8(ascii: quote): text += "\\\(quote)"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + hex(UInt32(byte), digits: 2)
            }
        }
        text.unicodeScalars.append(quote)
        return text
    }
}
