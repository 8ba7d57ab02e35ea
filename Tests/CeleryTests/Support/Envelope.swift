import CeleryProtocol

/// A message as another program might write it: nothing is checked.
struct Envelope {
    var headers: JSONObject = ["task": "tasks.echo", "id": "the-id"]
    var body: JSONValue = [[], [:], [:]]
    var text: String?
    var contentType: JSONValue = "application/json"
    var properties: JSONObject = [
        "delivery_tag": "a-tag", "delivery_info": ["exchange": "", "routing_key": "celery"], "body_encoding": "base64",
    ]

    /// The envelope's text.
    var bytes: [UInt8] {
        let body = text.map { Array($0.utf8) } ?? self.body.serialized()
        let isEncoded = properties["body_encoding"]?.stringValue == "base64"
        let envelope: JSONObject = [
            "body": .string(isEncoded ? Base64.encode(body).text : body.text),
            "content-encoding": "utf-8",
            "content-type": contentType,
            "headers": .object(headers),
            "properties": .object(properties),
        ]
        return envelope.serialized()
    }
}

extension Sequence<UInt8> {
    /// The bytes as text.
    var text: String { String(decoding: Array(self), as: UTF8.self) }
}
