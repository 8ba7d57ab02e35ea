internal import Celery
internal import CeleryProtocol
internal import Logging

/// Writes each line as one JSON object: `timestamp`, `level`, `message`, `logger`, then what else is known by its dotted
/// keys. The text is ASCII, whatever a message holds.
struct JSONLogHandler: LogHandler {
    private static let ownKeys: Set = ["timestamp", "level", "message", "logger"]

    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let output: LogOutput
    private let now: @Sendable () -> LogTime

    init(label: String, output: LogOutput, now: @escaping @Sendable () -> LogTime = { .now }) {
        self.label = label
        self.output = output
        self.now = now
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var object: JSONObject = [
            "timestamp": .string(now().utc), "level": .string(event.level.rawValue),
            "message": .string(event.message.description), "logger": .string(label),
        ]
        for (key, value) in LogMetadata(metadata, metadataProvider, event).entries {
            Self.add(value, Self.ownKeys.contains(key) ? "metadata." + key : key, to: &object)
        }
        output.write("\(object)\n")
    }

    /// A dictionary's keys go behind its own, with a dot.
    private static func add(_ value: Logger.MetadataValue, _ key: String, to object: inout JSONObject) {
        guard case .dictionary(let values) = value else { return object[key] = json(value) }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { add(value, "\(key).\(name)", to: &object) }
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): return .string(text)
        case .stringConvertible(let value): return json(value)
        case .array(let values): return .array(values.map(json))
        case .dictionary(let values):
            var object: JSONObject = [:]
            for (name, value) in values.sorted(by: { $0.key < $1.key }) { object[name] = json(value) }
            return .object(object)
        @unknown default: return .string("\(value)")
        }
    }

    /// Numbers and truth values stay what they are, as far as JSON has them.
    private static func json(_ value: any CustomStringConvertible) -> JSONValue {
        switch value {
        case let value as Bool: .bool(value)
        case let value as any BinaryInteger: Int(exactly: value).map(JSONValue.integer) ?? .string("\(value)")
        case let value as Double where value.isFinite: .double(value)
        case let value as Float where value.isFinite: .double(Double(value))
        default: .string("\(value)")
        }
    }
}
