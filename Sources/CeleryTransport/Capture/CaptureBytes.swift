package import CeleryProtocol

extension JSONObject {
    /// Bytes in a file of fixtures: as text, or as base64 under the same key with `_base64` where they are not UTF-8.
    /// `nil` when there are none, or no base64.
    package func bytes(_ key: String) -> [UInt8]? {
        if let text = self[key]?.stringValue { return Array(text.utf8) }
        guard let encoded = self["\(key)_base64"]?.stringValue else { return nil }
        do {
            return try Base64.decode(encoded.utf8)
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
