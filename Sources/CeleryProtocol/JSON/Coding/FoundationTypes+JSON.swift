#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension Date: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) throws -> JSONValue {
        do {
            return TaggedValue.object("datetime", .string(try PythonDateTime(self).isoFormat))
        } catch {
            let context = EncodingError.Context(codingPath: path().keys, debugDescription: "\(error)")
            // Not the date itself: Foundation traps when it prints one that is out of its range.
            throw EncodingError.invalidValue(timeIntervalSince1970, context)
        }
    }

    /// From a tagged `datetime` or `date`, or the ISO text of older senders; without an offset it is UTC.
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        switch try TaggedValue.reading(value, at: path) {
        case .dateTime(let time)?, .date(let time)?: self = time.date()
        default:
            guard case .string(let text) = value else {
                throw DecodingError.mismatch(Date.self, expected: "datetime", value, at: path)
            }
            do {
                self = try PythonDateTime(isoparse: text).date()
            } catch {
                throw DecodingError.unfit("\(error)", at: path)
            }
        }
    }
}

extension UUID: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue {
        let hex = withUnsafeBytes(of: uuid) { $0.map { PythonRepr.hex(UInt32($0), digits: 2) }.joined() }
        return TaggedValue.object("uuid", .object(JSONObject(distinct: [("hex", .string(hex))])))
    }

    /// From a tagged `uuid`, or its text, with or without hyphens.
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        let bytes: [UInt8]
        switch try TaggedValue.reading(value, at: path) {
        case .uuid(let tagged)?: bytes = tagged
        default:
            guard case .string(let text) = value else {
                throw DecodingError.mismatch(UUID.self, expected: "UUID", value, at: path)
            }
            do {
                bytes = try TaggedValue.uuidBytes(text)
            } catch {
                throw DecodingError.unfit("\(error)", at: path)
            }
        }
        var uuid: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &uuid) { $0.copyBytes(from: bytes.prefix(16)) }
        self.init(uuid: uuid)
    }
}

extension Data: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { TaggedValue.object(bytes: Array(self)) }

    /// From tagged `bytes` or `base64`, or the UTF-8 bytes of a plain string.
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        switch try TaggedValue.reading(value, at: path) {
        case .bytes(let bytes)?: self = Data(bytes)
        default:
            guard case .string(let text) = value else {
                throw DecodingError.mismatch(Data.self, expected: "bytes", value, at: path)
            }
            self = Data(text.utf8)
        }
    }
}

extension URL: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .string(absoluteString) }

    init(json value: JSONValue, at path: () -> CodingPath) throws {
        let text = try String(json: value, at: path)
        guard let url = URL(string: text) else {
            throw DecodingError.unfit("invalid URL \(value.shortText)", at: path)
        }
        self = url
    }
}

extension TaggedValue {
    /// The tagged value in `value`, or `nil` if it is none; a bad one is a decoding error.
    static func reading(_ value: JSONValue, at path: () -> CodingPath) throws -> TaggedValue? {
        guard case .object(let object) = value else { return nil }
        do {
            return try TaggedValue(object)
        } catch {
            throw DecodingError.unfit("\(error)", at: path)
        }
    }
}
