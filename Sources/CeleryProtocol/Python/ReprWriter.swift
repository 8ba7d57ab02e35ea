/// Writes values as Python's `repr` does, until there is as much text as anybody wants to see.
struct ReprWriter {
    private(set) var text = ""
    private let limit: Int

    /// - Parameter limit: nothing more is begun after so many bytes.
    init(limit: Int) { self.limit = limit }

    private var isFull: Bool { text.utf8.count > limit }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .string(let string):
            write(quoting: string.unicodeScalars.lazy.map(\.value))
        case .surrogateString(let units):
            write(quoting: UnicodeScalarReader(units))
        case .array(let elements):
            write(elements)
        case .object(let object):
            if !isLong(object), let tagged = PythonRepr.taggedText(object) {
                text += tagged
            } else {
                write(object)
            }
        default:
            text += PythonRepr.scalarText(value)
        }
    }

    /// Whether the text of a tagged value would be cut anyway: it is shown as it is written then.
    private func isLong(_ object: JSONObject) -> Bool {
        guard limit < .max, case .string(let value)? = object[TaggedValue.valueKey] else { return false }
        return value.utf8.count / 4 > limit
    }

    private mutating func write(_ elements: [JSONValue]) {
        text += "["
        for position in elements.indices {
            if isFull { return }
            if position > 0 { text += ", " }
            write(elements[position])
        }
        text += "]"
    }

    private mutating func write(_ object: JSONObject) {
        text += "{"
        for position in object.entries.indices {
            if isFull { return }
            if position > 0 { text += ", " }
            write(key: object.entries[position].key)
            text += ": "
            write(object.entries[position].value)
        }
        text += "}"
    }

    private mutating func write(key: String) {
        // What is cut needs no look at its end.
        if key.utf8.count <= limit, JSONKey.isEscaped(key) {
            write(quoting: UnicodeScalarReader(JSONKey.units(key)))
        } else {
            write(quoting: key.unicodeScalars.lazy.map(\.value))
        }
    }

    private mutating func write(quoting codes: some Sequence<UInt32>) {
        if limit == .max { write(allOf: codes) } else { write(allOf: codes.prefix(limit)) }
    }

    private mutating func write(allOf codes: some Sequence<UInt32>) {
        var hasSingle = false
        var hasDouble = false
        for code in codes {
            if code == 0x27 { hasSingle = true }
            if code == 0x22 { hasDouble = true }
        }
        // Python changes to double quotes only when that saves all escapes.
        let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
        text.unicodeScalars.append(quote)
        for code in codes where !isFull { PythonRepr.append(code, quote: quote, to: &text) }
        text.unicodeScalars.append(quote)
    }
}
