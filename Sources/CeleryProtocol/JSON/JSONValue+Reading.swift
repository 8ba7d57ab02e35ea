extension JSONValue {
    /// The value of a JSON document, read as Python's `json.loads` reads it.
    ///
    /// Nothing but blanks may stand around the value. Invalid UTF-8, a byte order mark, integers of more than 4300
    /// digits and, other than in Python, anything nested deeper than 512 levels are errors.
    public init(json bytes: some Collection<UInt8>) throws(JSONError) {
        self = try Self.reading(bytes).value
    }

    /// The value of a JSON document, as with bytes.
    public init(json string: String) throws(JSONError) {
        self = try Self.reading(Array(string.utf8)).value
    }

    /// The value of a document, and whether a key `__type__` is in it anywhere: without one there is no tagged value
    /// to check.
    ///
    /// - Parameter memoryLimit: how many bytes of memory the values may take, besides the texts of strings and keys.
    package static func reading(
        _ bytes: some Collection<UInt8>, memoryLimit: Int = .max
    ) throws(JSONError) -> (value: JSONValue, hasTypeKey: Bool) {
        let result = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(JSONError) in
                try JSONReader.reading(UnsafeRawBufferPointer(buffer), memoryLimit: memoryLimit) {
                    reader throws(JSONError) in
                    let value = try reader.readDocument()
                    return (value, reader.hasTypeKey)
                }
            }
        }
        guard let result else { return try reading(Array(bytes), memoryLimit: memoryLimit) }
        return try result.get()
    }
}

extension JSONReader {
    /// Reads one value that must be all there is.
    mutating func readDocument() throws(JSONError) -> JSONValue {
        let value = try readValue()
        try finish()
        return value
    }
}
