/// A text that somebody else chose, fit for one line of a log: what would break the line, move the cursor or hide
/// something is written as Python's `repr` writes it, and what is long is cut.
///
/// Whatever a message, a peer or a server has named or said goes through here on its way into a log or onto a terminal.
/// What is cut is not looked at: a failure of 50 MB costs no more than its first line.
package struct LogText: Sendable, CustomStringConvertible {
    /// How many bytes of a text are shown, unless told otherwise.
    package static let usualLimit = 300
    /// How many bytes are shown of a name, which stands beside others.
    package static let nameLimit = 150

    /// The text as it is shown.
    package let description: String

    /// A text: as it is when all of it can be shown, else in quotes and with escapes; cut after `limit` bytes, with the
    /// number of the bytes that are missing.
    package init(_ text: String, limit: Int = usualLimit) {
        if text.utf8.count <= limit, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            description = text
        } else {
            description = Self.shown(text, limit)
        }
    }

    /// An error in one line.
    package init(_ error: any Error, limit: Int = usualLimit) {
        if let failure = error as? TaskFailure {
            self.init(failure.summary(limit: limit), limit: limit)
        } else {
            self.init("\(error)", limit: limit)
        }
    }

    /// A name or an id.
    package static func name(_ text: String) -> LogText { LogText(text, limit: nameLimit) }

    private static func shown(_ text: String, _ limit: Int) -> String {
        let scalars = text.unicodeScalars
        var plain = ""
        var end = scalars.startIndex
        while end < scalars.endIndex, plain.utf8.count < limit, PythonRepr.isPrintable(scalars[end]) {
            plain.unicodeScalars.append(scalars[end])
            scalars.formIndex(after: &end)
        }
        if end < scalars.endIndex, plain.utf8.count < limit {
            // Once more, with escapes.
            let quote: Unicode.Scalar = "'"
            plain = "'"
            end = scalars.startIndex
            while end < scalars.endIndex, plain.utf8.count < limit {
                PythonRepr.append(scalars[end].value, quote: quote, to: &plain)
                scalars.formIndex(after: &end)
            }
            plain += "'"
        }
        let missing = text.utf8.count - text.utf8.distance(from: text.startIndex, to: end)
        return missing == 0 ? plain : "\(plain)… (\(missing) more)"
    }

    /// A text of several lines, such as a traceback, fit for a terminal: its lines and tabs are kept, everything else that
    /// cannot be shown is escaped.
    package static func lines(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { !isShownInLines($0) }) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if isShownInLines(scalar) {
                shown.unicodeScalars.append(scalar)
            } else {
                PythonRepr.append(scalar.value, quote: "'", to: &shown)
            }
        }
        return shown
    }

    private static func isShownInLines(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\t" || PythonRepr.isPrintable(scalar)
    }
}
