extension JSONValue {
    /// The text that the value stands for where a text is expected: a string, or a value that kombu has tagged because
    /// the sender gave an object of Python (`task_id=uuid.uuid4()`), as kombu 5.0 and older wrote it untagged. `nil` for
    /// what is no text.
    ///
    /// A UUID is written in lower case with hyphens, a time in ISO 8601, a decimal with its digits; bytes are UTF-8.
    package var text: String? {
        switch self {
        case .string(let text): text
        case .object(let object): TaggedValue.text(of: object)
        default: nil
        }
    }

    /// The id that the value stands for; `nil` for what Celery takes for none, which is everything empty.
    ///
    /// - Parameter name: what the id is called in the message.
    /// - Throws: ``MessageError`` that names what is no text: another id in its place would be one that nobody knows.
    package func id(named name: String) throws(MessageError) -> String? {
        if let text { return text.isEmpty ? nil : text }
        guard isTruthy else { return nil }
        throw .invalid(name, self)
    }

    /// The bytes that the value stands for where a text or bytes are expected; `nil` for what is neither.
    var textBytes: [UInt8]? {
        switch self {
        case .string(let text): Array(text.utf8)
        case .object(let object): TaggedValue.valid(object)?.bytes
        default: nil
        }
    }
}

extension TaggedValue {
    /// The text of a tagged object; `nil` for any other object, and for one that Python cannot read.
    fileprivate static func text(of object: JSONObject) -> String? {
        switch valid(object) {
        case .dateTime(let time): time.isoFormat
        case .date(let date): date.isoDate
        case .time(let time): time.isoFormat
        case .decimal(let decimal): decimal.text
        case .uuid(let bytes): PythonRepr.uuidText(bytes)
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        case nil: nil
        }
    }

    /// The value of a tagged object; `nil` where ``init(_:)`` throws.
    fileprivate static func valid(_ object: JSONObject) -> TaggedValue? {
        do {
            return try TaggedValue(object)
        } catch {
            // What cannot be read is no text; whoever needs one names the value that stands there instead.
            return nil
        }
    }

    fileprivate var bytes: [UInt8]? {
        if case .bytes(let bytes) = self { bytes } else { nil }
    }
}
