public import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A captured message, as the files under `Fixtures/` hold them.
public struct Fixture: Sendable {
    /// The case's name.
    public let name: String
    /// The Python call that made the message.
    public let how: String
    /// The message; an error when it is one that cannot be read.
    public let message: Result<Message, MessageError>
    /// The message as it was captured: the envelope on Redis, the body on RabbitMQ.
    public let raw: [UInt8]
    /// Whatever else the file says of the case.
    public let details: JSONObject

    /// Why a file of fixtures cannot be read.
    public struct LoadingError: Error, Sendable, CustomStringConvertible {
        /// One line that names the file and the fault.
        public let description: String
    }

    /// Loads a file of fixtures: an object whose `cases` hold messages captured from Redis (`raw`) or from RabbitMQ
    /// (`properties`, `headers` with their table types, `body`).
    ///
    /// - Throws: ``LoadingError`` when the file cannot be read or has another form.
    public static func load(contentsOf path: String) throws -> [Fixture] {
        let cases: [JSONValue]?
        do {
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            cases = try JSONValue(json: bytes).objectValue?["cases"]?.arrayValue
        } catch {
            throw LoadingError(description: "\(path): \(error)")
        }
        guard let cases else { throw LoadingError(description: "\(path): there are no cases in it") }
        return try cases.map { value in
            guard let details = value.objectValue, let fixture = Fixture(details) else {
                throw LoadingError(description: "\(path): a case has neither a raw message nor a body")
            }
            return fixture
        }
    }

    private init?(_ details: JSONObject) {
        self.details = details
        name = details["name"]?.stringValue ?? ""
        how = details["how"]?.stringValue ?? ""
        if let raw = Self.bytes(details, "raw") {
            self.raw = raw
            message = Result { () throws(MessageError) in try KombuEnvelope.decode(raw) }
        } else if let body = Self.bytes(details, "body") {
            raw = body
            message = .success(Self.message(details, body))
        } else {
            return nil
        }
    }

    /// Bytes stand as text, or as base64 under the same key with `_base64`.
    private static func bytes(_ details: JSONObject, _ key: String) -> [UInt8]? {
        if let text = details[key]?.stringValue { return Array(text.utf8) }
        guard let encoded = details["\(key)_base64"]?.stringValue else { return nil }
        do {
            return try Base64.decode(encoded.utf8)
        } catch {
            return nil
        }
    }

    private static func message(_ details: JSONObject, _ body: [UInt8]) -> Message {
        let properties = details["properties"]?.objectValue ?? [:]
        let headers = untyped(.array([.string("F"), details["headers"] ?? [:]])).objectValue ?? [:]
        return Message(
            contentType: properties["content_type"]?.stringValue,
            contentEncoding: properties["content_encoding"]?.stringValue,
            headers: headers,
            properties: MessageProperties(
                correlationID: properties["correlation_id"]?.stringValue,
                replyTo: properties["reply_to"]?.stringValue,
                deliveryMode: properties["delivery_mode"]?.integerValue,
                priority: properties["priority"]?.integerValue,
                expiration: properties["expiration"]?.stringValue.flatMap(Duration.init(expiration:)),
                exchange: details["exchange"]?.stringValue,
                routingKey: details["routing_key"]?.stringValue
            ),
            body: body
        )
    }

    /// Headers stand as pairs of AMQP's type letter and the value.
    private static func untyped(_ pair: JSONValue) -> JSONValue {
        guard let parts = pair.arrayValue, parts.count == 2, let type = parts[0].stringValue else { return pair }
        switch type {
        case "F":
            var object = JSONObject()
            for (key, value) in parts[1].objectValue ?? [:] { object[key] = untyped(value) }
            return .object(object)
        case "A": return .array((parts[1].arrayValue ?? []).map(untyped))
        default: return parts[1]
        }
    }
}
