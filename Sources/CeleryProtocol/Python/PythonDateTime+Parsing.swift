extension PythonDateTime {
    /// Reads a time as Celery reads `eta`, `expires` and `date_done` (dateutil's `isoparse`).
    ///
    /// Accepted are dates alone (`2030`, `2030-01`, `2030-01-02`, `20300102`, weeks and ordinal days), any character
    /// between date and time, times from hours to fractions of seconds after a point or a comma, cut to microseconds,
    /// with or without colons, `24:00`, and as offset `Z`, `+01`, `+0100` or `+01:00`.
    public init(isoparse text: String) throws(PythonValueError) {
        self = try Self.parse(text, .isoparse)
    }

    /// Reads a time as kombu reads tagged values (`datetime.fromisoformat` of Python 3.11 and later).
    ///
    /// As `isoparse`, but without dates that lack the day, ordinal days and `24:00`, and with offsets down to
    /// microseconds.
    public init(fromISOFormat text: String) throws(PythonValueError) {
        self = try Self.parse(text, .fromISOFormat)
    }

    private static func parse(_ text: String, _ dialect: ISOTimeParser.Dialect) throws(PythonValueError) -> Self {
        var copy = text
        let result = copy.withUTF8 { bytes in
            Result { () throws(PythonValueError) in
                var parser = ISOTimeParser(bytes, dialect)
                return try parser.parseDateTime()
            }
        }
        do {
            return try result.get()
        } catch {
            throw PythonValueError("invalid time \(PythonRepr.quoted(text)): \(error)")
        }
    }
}
