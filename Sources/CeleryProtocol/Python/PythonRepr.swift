/// Text as Python's `repr` gives it.
public enum PythonRepr {
    /// The `repr` of what kombu's JSON decoder makes of a value: `None`, `[1, 2.5]`, `{'a': 'b'}`, `b'x'`, `UUID('…')`.
    /// Tagged objects with invalid contents are shown as the dictionaries that they are.
    public static func repr(of value: JSONValue) -> String {
        var writer = ReprWriter(limit: .max)
        writer.write(value)
        return writer.text
    }

    private static let quotedLength = 100

    /// A string in quotes, cut when it is long, for messages to people. It is one line.
    package static func quoted(_ text: String) -> String {
        guard text.utf8.count > quotedLength else { return repr(of: .string(text)) }
        return repr(of: .string(String(text.unicodeScalars.prefix(quotedLength)))) + "..."
    }

    /// The `repr` of any value, cut when it is long, for messages to people. It is one line, and what is not shown is not
    /// looked at.
    package static func quoted(_ value: JSONValue) -> String {
        if case .string(let text) = value { return quoted(text) }
        var writer = ReprWriter(limit: quotedLength)
        writer.write(value)
        guard writer.text.utf8.count > quotedLength else { return writer.text }
        return String(writer.text.unicodeScalars.prefix(quotedLength)) + "..."
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

    /// Appends a character as it stands between quotes.
    static func append(_ code: UInt32, quote: Unicode.Scalar, to text: inout String) {
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

    /// Whether Python shows a character as it is. What moves the cursor, changes the direction or cannot be seen is not.
    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
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
