extension PythonRepr {
    /// Celery's limit for `argsrepr` and `kwargsrepr`, in characters.
    public static let defaultLength = 1024
    /// Celery's limit for the depth that is shown (`task_repr_maxlevels`).
    public static let defaultLevels = 3

    /// The text for `argsrepr`: positional arguments as the tuple that Python has.
    ///
    /// As Celery does it, text that grows beyond `maximumLength` characters is cut, though its brackets are still
    /// closed, and containers below `maximumLevels` are shown as `[...]`. The result can so be longer than the limit.
    /// Lone surrogates are kept, spelled as in the keys of a ``JSONObject``.
    public static func saferepr(
        arguments: [JSONValue],
        maximumLength: Int = defaultLength,
        maximumLevels: Int = defaultLevels
    ) -> String {
        var writer = SafeReprWriter(length: maximumLength, levels: maximumLevels)
        writer.write(arguments, open: "(", close: arguments.count == 1 ? ",)" : ")")
        return writer.text
    }

    /// The text for `kwargsrepr`, and of any other value, in the same way.
    public static func saferepr(
        _ value: JSONValue,
        maximumLength: Int = defaultLength,
        maximumLevels: Int = defaultLevels
    ) -> String {
        var writer = SafeReprWriter(length: maximumLength, levels: maximumLevels)
        writer.write(value)
        return writer.text
    }
}

/// Writes values as `celery.utils.saferepr` does: token by token, until the length is used up.
private struct SafeReprWriter {
    private(set) var text = ""
    private var remaining: Int
    private let levels: Int
    private var level = 0
    private var isCut = false

    init(length: Int, levels: Int) {
        remaining = length
        self.levels = levels
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .string(let string):
            write(quoted: JSONKey.isEscaped(string) ? JSONKey.string(string.utf16) : string)
        case .surrogateString(let units):
            write(quoted: JSONKey.string(units))
        case .array(let elements):
            write(elements, open: "[", close: "]")
        case .object(let object):
            if let tagged = taggedToken(object) {
                token(tagged)
            } else {
                write(object)
            }
        default:
            token(truncated(PythonRepr.scalarText(value)))
        }
    }

    mutating func write(_ elements: [JSONValue], open: String, close: String) {
        guard enter(open, close) else { return }
        for (index, element) in elements.enumerated() where !isCut {
            if index > 0 { token(", ") }
            if !isCut { write(element) }
        }
        leave(close)
    }

    private mutating func write(_ object: JSONObject) {
        guard enter("{", "}") else { return }
        for (index, entry) in object.entries.enumerated() where !isCut {
            if index > 0 { token(", ") }
            if !isCut { write(quoted: entry.key) }
            if !isCut { token(": ") }
            if !isCut { write(entry.value) }
        }
        leave("}")
    }

    /// Opens a container; false if it is not shown.
    private mutating func enter(_ open: String, _ close: String) -> Bool {
        if levels > 0, level >= levels {
            token("\(open)...\(close)")
            return false
        }
        token(open)
        guard !isCut else { return false }
        level += 1
        return true
    }

    /// Closes a container that was opened, even when the length is used up.
    private mutating func leave(_ close: String) {
        level -= 1
        text += close
        if remaining > 0 { remaining -= close.utf8.count }
    }

    /// Appends a token, or the mark that the rest is missing.
    private mutating func token(_ token: String) {
        guard remaining > 0 else {
            text += ", ..."
            isCut = true
            return
        }
        text += token
        remaining -= Self.positions(token.unicodeScalars[...], limit: .max).count
    }

    /// Up to so many characters from the start: how many there are, and where they end. A spelled one is one.
    private static func positions(
        _ scalars: Substring.UnicodeScalarView, limit: Int
    ) -> (count: Int, end: String.Index) {
        var (count, end) = (0, scalars.startIndex)
        while count < limit, end < scalars.endIndex {
            let isSpelled = scalars[end].value == JSONKey.escape
            scalars.formIndex(after: &end)
            if isSpelled, end < scalars.endIndex { scalars.formIndex(after: &end) }
            count += 1
        }
        return (count, end)
    }

    /// Strings are shown between single quotes with only these escaped.
    private mutating func write(quoted string: String) {
        var token = "'"
        for scalar in truncated(string).unicodeScalars {
            if scalar == "'" { token += "\\" }
            token.unicodeScalars.append(scalar)
        }
        token += "'"
        self.token(token)
    }

    /// Cuts a token that is too long for what remains, at the last blank if there is one.
    private func truncated(_ token: String) -> String {
        // Bytes are never fewer than characters.
        guard remaining > 0, token.utf8.count >= remaining else { return token }
        let scalars = token.unicodeScalars[...]
        let (count, end) = Self.positions(scalars, limit: remaining)
        guard count == remaining else { return token }
        let start = scalars[..<end]
        let kept = start.lastIndex(of: " ").map { start[..<$0] } ?? start
        return String(kept) + "..."
    }

    /// The text of a tagged value; bytes are shown as text or hexadecimal digits, other than in `repr`.
    private func taggedToken(_ object: JSONObject) -> String? {
        let tagged: TaggedValue?
        do { tagged = try TaggedValue(object) } catch { return nil }
        guard case .bytes(let bytes)? = tagged else { return PythonRepr.taggedText(object).map(truncated) }
        let isLong = bytes.count > remaining
        let shown = isLong ? Array(bytes.prefix(max(remaining, 0))) : bytes
        let contents =
            String(validating: shown, as: UTF8.self)
            ?? shown.map { PythonRepr.hex(UInt32($0), digits: 2) }.joined()
        return "b'\(contents)\(isLong ? "..." : "")'"
    }
}
