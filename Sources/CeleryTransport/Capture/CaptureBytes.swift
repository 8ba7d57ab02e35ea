package import CeleryProtocol

extension JSONObject {
    /// Bytes in a file of fixtures: as text, or as base64 under the same key with `_base64` where they are not UTF-8.
    /// `nil` when there are none, or what is no base64 as a whole.
    package func bytes(_ key: String) -> [UInt8]? {
        if let text = self[key]?.stringValue { return Array(text.utf8) }
        guard let encoded = self["\(key)_base64"]?.stringValue else { return nil }
        do {
            let bytes = try Base64.decode(encoded.utf8)
            // As Python's, the decoder passes over what it does not know.
            return Base64.encode(bytes).elementsEqual(encoded.utf8) ? bytes : nil
        } catch {
            return nil
        }
    }

    /// Puts bytes where ``bytes(_:)`` finds them.
    package mutating func setBytes(_ bytes: [UInt8], _ key: String) {
        let text = String(validating: bytes, as: UTF8.self)
        self[key] = text.map(JSONValue.string)
        self["\(key)_base64"] = text == nil ? .string(String(decoding: Base64.encode(bytes), as: UTF8.self)) : nil
    }
}
