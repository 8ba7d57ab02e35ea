internal import CeleryProtocol
internal import CeleryTransport

/// A message's properties as JSON that says which of AMQP's types each header has, so that the same bytes can be made
/// of it: `[letter, value]`.
struct TypedProperties {
    /// By AMQP's names, in the order of their flags.
    private(set) var properties: JSONObject = [:]
    private(set) var headers: JSONObject = [:]
    private var hasHeaders = false

    private enum Kind { case text, octet, table, timestamp }

    private static let known: [(flag: UInt16, name: String, kind: Kind)] = [
        (0x8000, "content_type", .text), (0x4000, "content_encoding", .text), (0x2000, "headers", .table),
        (0x1000, "delivery_mode", .octet), (0x0800, "priority", .octet), (0x0400, "correlation_id", .text),
        (0x0200, "reply_to", .text), (0x0100, "expiration", .text), (0x0080, "message_id", .text),
        (0x0040, "timestamp", .timestamp), (0x0020, "type", .text), (0x0010, "user_id", .text),
        (0x0008, "app_id", .text), (0x0004, "cluster_id", .text),
    ]

    init() {}

    /// Reads the properties of a content header.
    init(_ bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        let flags = try reader.integer(UInt16.self)
        guard flags & 3 == 0 else { throw WireError(reason: "there are properties that AMQP does not know") }
        for (flag, name, kind) in Self.known where flags & flag != 0 {
            switch kind {
            case .text: properties[name] = .string(try reader.shortString())
            case .octet: properties[name] = .integer(Int(try reader.octet()))
            case .timestamp:
                let seconds = try reader.integer(UInt64.self)
                properties[name] = Int(exactly: seconds).map { .integer($0) } ?? .bigInteger(String(seconds))
            case .table:
                headers = try reader.typedTable()
                hasHeaders = true
            }
        }
    }

    /// Takes them from the members of a case in a file of fixtures; `nil` when these are no objects.
    init?(_ fields: JSONObject) {
        func table(_ name: String) -> JSONObject? {
            guard let value = fields[name], value != .null else { return [:] }
            return value.objectValue
        }
        guard let properties = table("properties"), let headers = table("headers") else { return nil }
        (self.properties, self.headers) = (properties, headers)
        hasHeaders = fields["headers"]?.objectValue != nil
    }

    /// Whether bytes are properties, as far as can be told without a look into tables: over others servers end the connection.
    static func areProperties(_ bytes: [UInt8]) -> Bool {
        var reader = WireReader(bytes)
        do throws(WireError) {
            let flags = try reader.integer(UInt16.self)
            guard flags & 3 == 0 else { return false }
            for (flag, _, kind) in known where flags & flag != 0 {
                switch kind {
                case .text: _ = try reader.shortString()
                case .octet: _ = try reader.octet()
                case .timestamp: _ = try reader.integer(UInt64.self)
                case .table:
                    var table = try reader.part(Int(try reader.integer(UInt32.self)))
                    while !table.isAtEnd {
                        _ = try table.shortString()
                        try table.skipField()
                    }
                }
            }
            return reader.isAtEnd
        } catch {
            return false
        }
    }

    /// The bytes of properties without a header, wherever it stands; all others are as they were.
    static func removing(_ header: String, from bytes: [UInt8]) throws(WireError) -> [UInt8] {
        var reader = WireReader(bytes)
        let flags = try reader.integer(UInt16.self)
        guard flags & 0x2000 != 0 else { return bytes }
        for flag: UInt16 in [0x8000, 0x4000] where flags & flag != 0 { _ = try reader.shortString() }
        let start = reader.offset
        var table = try reader.part(Int(try reader.integer(UInt32.self)))
        let end = reader.offset
        var kept: [UInt8] = []
        while !table.isAtEnd {
            let field = table.offset
            let name = try table.shortString()
            try table.skipField()
            if name != header { kept += bytes[field..<table.offset] }
        }
        var size = WireWriter()
        size.integer(UInt32(kept.count))
        return bytes[..<start] + size.bytes + kept + bytes[end...]
    }

    /// The bytes; `nil` when a value does not fit its type.
    func encoded() -> [UInt8]? {
        var flags: UInt16 = hasHeaders ? 0x2000 : 0
        for (flag, name, _) in Self.known where properties[name] != nil { flags |= flag }
        var writer = WireWriter()
        writer.integer(flags)
        do throws(TransportError) {
            for (flag, name, kind) in Self.known where flags & flag != 0 { try write(name, kind, &writer) }
            return writer.bytes
        } catch {
            return nil
        }
    }

    private func write(_ name: String, _ kind: Kind, _ writer: inout WireWriter) throws(TransportError) {
        let value = properties[name]
        switch kind {
        case .table: try writer.typedTable(headers)
        case .text:
            guard let text = value?.stringValue else { throw TypedField.unfit(name) }
            try writer.shortString(text, name)
        case .octet:
            guard let octet = value?.integerValue.flatMap({ UInt8(exactly: $0) }) else { throw TypedField.unfit(name) }
            writer.octet(octet)
        case .timestamp:
            guard let value, let seconds = UInt64(value.description) else { throw TypedField.unfit(name) }
            writer.integer(seconds)
        }
    }
}
