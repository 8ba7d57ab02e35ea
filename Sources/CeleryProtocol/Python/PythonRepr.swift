/// Text as Python's `repr` gives it.
public enum PythonRepr {
    /// The `repr` of what kombu's JSON decoder makes of a value: `None`, `[1, 2.5]`, `{'a': 'b'}`, `b'x'`, `UUID('…')`.
    /// Tagged objects with invalid contents are shown as the dictionaries that they are.
    public static func repr(of value: JSONValue) -> String {
        var text = ""
        append(value, to: &text)
        return text
    }

    private static let quotedLength = 100

    /// A string in quotes, cut when it is long, for messages to people. It is one line.
    package static func quoted(_ text: String) -> String {
        guard text.utf8.count > quotedLength else { return repr(of: .string(text)) }
        return repr(of: .string(String(text.unicodeScalars.prefix(quotedLength)))) + "..."
    }

    /// The `repr` of any value, cut when it is long, for messages to people. It is one line.
    package static func quoted(_ value: JSONValue) -> String {
        if case .string(let text) = value { return quoted(text) }
        let text = repr(of: value)
        return text.utf8.count > quotedLength ? String(text.unicodeScalars.prefix(quotedLength)) + "..." : text
    }

    private static func append(_ value: JSONValue, to text: inout String) {
        switch value {
        case .string(let string):
            append(quoting: string.unicodeScalars.lazy.map(\.value), to: &text)
        case .surrogateString(let units):
            append(quoting: UnicodeScalarReader(units), to: &text)
        case .array(let elements):
            append(elements, to: &text)
        case .object(let object):
            if let tagged = taggedText(object) {
                text += tagged
            } else {
                append(object, to: &text)
            }
        default:
            text += scalarText(value)
        }
    }

    private static func append(_ elements: [JSONValue], to text: inout String) {
        text += "["
        for position in elements.indices {
            if position > 0 { text += ", " }
            append(elements[position], to: &text)
        }
        text += "]"
    }

    private static func append(_ object: JSONObject, to text: inout String) {
        text += "{"
        for position in object.entries.indices {
            if position > 0 { text += ", " }
            append(key: object.entries[position].key, to: &text)
            text += ": "
            append(object.entries[position].value, to: &text)
        }
        text += "}"
    }

    private static func append(key: String, to text: inout String) {
        if JSONKey.isEscaped(key) {
            append(quoting: UnicodeScalarReader(JSONKey.units(key)), to: &text)
        } else {
            append(quoting: key.unicodeScalars.lazy.map(\.value), to: &text)
        }
    }

    /// The text of a value that is neither a string nor a container.
    static func scalarText(_ value: JSONValue) -> String {
        switch value {
        case .bool(let value): value ? "True" : "False"
        case .integer(let value): String(value)
        case .bigInteger(let digits): digits
        case .double(let value): PythonFloat.text(value)
        default: "None"
        }
    }

    // MARK: Strings

    private static func append(quoting codes: some Sequence<UInt32>, to text: inout String) {
        var hasSingle = false
        var hasDouble = false
        for code in codes {
            if code == 0x27 { hasSingle = true }
            if code == 0x22 { hasDouble = true }
        }
        // Python changes to double quotes only when that saves all escapes.
        let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
        text.unicodeScalars.append(quote)
        for code in codes { append(code, quote: quote, to: &text) }
        text.unicodeScalars.append(quote)
    }

    private static func append(_ code: UInt32, quote: Unicode.Scalar, to text: inout String) {
        switch code {
        case 0x0A: text += "\\n"
        case 0x0D: text += "\\r"
        case 0x09: text += "\\t"
        case 0x5C: text += "\\\\"
        case quote.value: text += "\\\(quote)"
        default:
            if let scalar = Unicode.Scalar(code), isPrintable(scalar) {
                text.unicodeScalars.append(scalar)
            } else if code < 0x100 {
                text += "\\x" + hex(code, digits: 2)
            } else if code < 0x10000 {
                text += "\\u" + hex(code, digits: 4)
            } else {
                text += "\\U" + hex(code, digits: 8)
            }
        }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            return false
        default:
            return true
        }
    }

    static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
