/// A message as a broker carries it: properties and headers decoded, the body left as bytes.
///
/// The same value stands for a RabbitMQ message and for an entry of a Redis list (kombu's JSON envelope).
public struct Message: Sendable, Hashable {
    /// The MIME type of the body before compression, such as `application/json`; `nil` when the sender gave none.
    public var contentType: String?
    /// The encoding of the body's text, `utf-8` for JSON; `nil` when the sender gave none.
    public var contentEncoding: String?
    /// The headers. For task messages of protocol 2 these hold the task's metadata.
    public var headers: JSONObject
    /// The properties.
    public var properties: MessageProperties
    /// The body: serialized and, when the header `compression` says so, compressed.
    public var body: [UInt8]

    /// Makes a message; the default content type is JSON.
    public init(
        contentType: String? = "application/json",
        contentEncoding: String? = "utf-8",
        headers: JSONObject = [:],
        properties: MessageProperties = .init(),
        body: [UInt8]
    ) {
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.headers = headers
        self.properties = properties
        self.body = body
    }
}
