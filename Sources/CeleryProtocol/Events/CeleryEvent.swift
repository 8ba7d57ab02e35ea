#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Something that a worker or a client tells all who watch: Celery's event messages.
public struct CeleryEvent: Sendable, Hashable {
    /// What has happened, such as `task-succeeded` or `worker-heartbeat`.
    public var type: String
    /// The name of the node where it has happened.
    public var hostname: String
    /// When it has happened, by the node's own clock.
    public var timestamp: Date
    /// The node's logical clock; `nil` where it has said none.
    public var clock: Int?
    /// The id of the node's process.
    public var pid: Int?
    /// How many hours the node is west of UTC. The timestamp is UTC all the same.
    public var utcOffset: Double
    /// What else is said, by Celery's names: each type has fields of its own.
    public var fields: JSONObject

    /// Makes an event.
    public init(
        _ type: String, hostname: String, timestamp: Date, clock: Int? = nil, pid: Int? = nil, utcOffset: Double = 0,
        fields: JSONObject = [:]
    ) {
        self.type = type
        self.hostname = hostname
        self.timestamp = timestamp
        self.clock = clock
        self.pid = pid
        self.utcOffset = utcOffset
        self.fields = fields
    }

    /// The id of the task that it is about, if it is about one.
    public var taskID: String? { fields["uuid"]?.stringValue }

    /// What stands before the first hyphen: `task`, `worker`.
    public var group: Substring { type.prefix { $0 != "-" } }

    /// The routing key of an event that is sent by itself, `task.succeeded`.
    public var routingKey: String { type.replacing("-", with: ".") }
}

extension CeleryEvent {
    /// The keys that are not fields of their own.
    private static let common: Set = ["type", "hostname", "timestamp", "clock", "pid", "utcoffset"]

    /// Reads an event.
    ///
    /// - Parameters:
    ///   - json: the object.
    ///   - hostname: that of the message, which counts where the event has none.
    /// - Throws: ``MessageError`` for what is none.
    public init(_ json: JSONValue, hostname: String? = nil) throws(MessageError) {
        guard let object = json.objectValue else {
            throw MessageError(.undecodable, "\(PythonRepr.quoted(json)) is no event")
        }
        guard let type = object["type"]?.stringValue, !type.isEmpty else {
            throw MessageError(.undecodable, "an event has no type")
        }
        guard let host = object["hostname"]?.stringValue ?? hostname else {
            throw MessageError(.undecodable, "an event has no hostname")
        }
        let time = object["timestamp"]?.doubleValue ?? 0
        guard time.isFinite, abs(time) < 1e12 else { throw .invalid("timestamp", object["timestamp"] ?? .null) }
        var fields = object
        fields.removeAll { key, _ in Self.common.contains(key) }
        self.init(
            type, hostname: host, timestamp: Date(timeIntervalSince1970: time), clock: object["clock"]?.integerValue,
            pid: object["pid"]?.integerValue, utcOffset: object["utcoffset"]?.doubleValue ?? 0, fields: fields)
    }

    /// Reads the events of a message: one, or a list of them.
    ///
    /// - Throws: ``MessageError`` for a message that holds none; one bad event of a list is an error of all.
    public static func events(of message: Message) throws(MessageError) -> [CeleryEvent] {
        let hostname = message.headers["hostname"]?.stringValue
        let json = try message.controlJSON
        guard case .array(let values) = json else { return [try CeleryEvent(json, hostname: hostname)] }
        return try values.map { value throws(MessageError) in try CeleryEvent(value, hostname: hostname) }
    }
}
