import CeleryTransport

@testable import CeleryRabbitMQ

/// Deletes a queue, which this package does only for queues of replies.
enum QueueDeletion {
    static func delete(_ queue: String) async throws {
        var link = try RawLink()
        try link.output.frame(.method, channel: 1) { writer throws(TransportError) in
            writer.integer(UInt32(0x0032_0028))
            writer.integer(UInt16(0))
            try writer.shortString(queue, "queue")
            writer.octet(0b100)  // no answer wanted
        }
        try await link.finish()
    }
}
