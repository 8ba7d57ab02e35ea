package import CeleryProtocol

extension ChordPart {
    /// What is kept of the part: the text that Celery's workers write, byte for byte.
    package func encoded() -> [UInt8] {
        JSONValue.array([1, .string(id), .string(state.rawValue), result]).serialized()
    }
}

extension ChordMember {
    /// Reads what is kept of a part, compressed or not.
    ///
    /// - Throws: `MessageError` with the code `undecodable`.
    package init(encoded bytes: [UInt8]) throws(MessageError) {
        guard let fields = try JSONValue(stored: bytes).arrayValue, fields.count >= 4, let id = fields[1].stringValue,
            let state = fields[2].stringValue
        else { throw MessageError(.undecodable, "a part of a chord has no id, no state or no result") }
        self.init(id: id, state: TaskState(rawValue: state), result: fields[3])
    }
}
