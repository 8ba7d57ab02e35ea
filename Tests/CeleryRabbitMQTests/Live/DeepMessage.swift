import CeleryProtocol
import CeleryTransport

@testable import CeleryRabbitMQ

/// A message that no writer of this package writes: headers nested 18,000 levels deep.
enum DeepMessage {
    static func publish(to queue: String) async throws {
        var link = try RawLink()
        try link.output.method(.basicPublish, channel: 1) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString("", "exchange")
            try writer.shortString(queue, "queue")
            writer.octet(0)
        }
        var table: [UInt8] = []
        for _ in 0..<18_000 {
            var outer = WireWriter()
            outer.bytes = [0x46, 0x61, 1]  // backwards: the table's letter, its name and the name's length
            table += withUnsafeBytes(of: UInt32(table.count).littleEndian) { Array($0) } + outer.bytes
        }
        table += withUnsafeBytes(of: UInt32(table.count).littleEndian) { Array($0) }
        try link.output.frame(.header, channel: 1) { writer in
            writer.integer(UInt32(60) << 16)
            writer.integer(UInt64(4))
            writer.integer(UInt16(0x2000))
            writer.bytes += table.reversed()
        }
        try link.output.frame(.body, channel: 1) { $0.bytes += Array("deep".utf8) }
        try await link.finish()
    }
}
