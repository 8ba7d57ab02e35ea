internal import CeleryProtocol
internal import CeleryTransport

extension WireWriter {
    /// Writes a field table, each value with the type that Celery's own AMQP library gives it.
    mutating func table(_ table: JSONObject, depth: Int = 0) throws(TransportError) {
        guard depth < WireReader.maximumDepth else { throw Self.tooDeep }
        try sized { writer throws(TransportError) in
            for (key, value) in table {
                try writer.shortString(key, "a header's name")
                try writer.field(value, of: key, depth: depth)
            }
        }
    }

    private mutating func array(_ values: [JSONValue], of key: String, depth: Int) throws(TransportError) {
        guard depth < WireReader.maximumDepth else { throw Self.tooDeep }
        try sized { writer throws(TransportError) in
            for value in values { try writer.field(value, of: key, depth: depth) }
        }
    }

    private mutating func field(_ value: JSONValue, of key: String, depth: Int) throws(TransportError) {
        switch value {
        case .null:
            octet(UInt8(ascii: "V"))
        case .bool(let value):
            octet(UInt8(ascii: "t"))
            octet(value ? 1 : 0)
        case .integer(let value):
            // -2147483648 would fit 32 bits, but the Python writer draws the line here.
            if value > Int32.max || value < -Int(Int32.max) {
                octet(UInt8(ascii: "L"))
                integer(Int64(value))
            } else {
                octet(UInt8(ascii: "I"))
                integer(Int32(truncatingIfNeeded: value))
            }
        case .bigInteger:
            throw Self.unfit(key, "an integer of more than 64 bits")
        case .double(let value):
            // RabbitMQ closes the connection over one, and with it fails everything else that is under way.
            guard value.isFinite else { throw Self.unfit(key, PythonRepr.repr(of: .double(value))) }
            octet(UInt8(ascii: "d"))
            integer(value.bitPattern)
        case .string(let text):
            octet(UInt8(ascii: "S"))
            try sized { writer throws(TransportError) in writer.bytes.append(contentsOf: text.utf8) }
        case .surrogateString(let units):
            octet(UInt8(ascii: "S"))
            try sized { writer throws(TransportError) in writer.surrogates(units) }
        case .array(let values):
            octet(UInt8(ascii: "A"))
            try array(values, of: key, depth: depth + 1)
        case .object(let object):
            octet(UInt8(ascii: "F"))
            try table(object, depth: depth + 1)
        }
    }

    /// UTF-8 in which a lone surrogate takes three bytes, as Python's `surrogatepass` writes it.
    private mutating func surrogates(_ units: [UInt16]) {
        var index = units.startIndex
        while index < units.endIndex {
            let unit = units[index]
            if UTF16.isLeadSurrogate(unit), index + 1 < units.endIndex, UTF16.isTrailSurrogate(units[index + 1]) {
                bytes.append(contentsOf: String(decoding: units[index...index + 1], as: UTF16.self).utf8)
                index += 2
                continue
            }
            if UTF16.isSurrogate(unit) {
                bytes.append(0xE0 | UInt8(truncatingIfNeeded: unit >> 12))
                bytes.append(0x80 | UInt8(truncatingIfNeeded: unit >> 6 & 0x3F))
                bytes.append(0x80 | UInt8(truncatingIfNeeded: unit & 0x3F))
            } else {
                bytes.append(contentsOf: String(decoding: CollectionOfOne(unit), as: UTF16.self).utf8)
            }
            index += 1
        }
    }

    private static func unfit(_ key: String, _ what: String) -> TransportError {
        TransportError(.rejected, "the header \(LogText.name(key)) holds \(what), which RabbitMQ does not take")
    }

    private static var tooDeep: TransportError {
        TransportError(.rejected, "the headers are nested more than \(WireReader.maximumDepth) levels deep")
    }
}
