import CeleryTransport

@testable import CeleryRabbitMQ

/// Deletes a queue, which this package never does by itself.
enum QueueDeletion {
    static func delete(_ queue: String) async throws {
        let link = try AMQPConnector.connect(to: [try RabbitMQAddress(LiveServer.url)], name: "test")
        link.output.channelOpen(1)
        link.expect([.channelOpenOK], channel: 1)
        try link.output.frame(.method, channel: 1) { writer throws(TransportError) in
            writer.integer(UInt32(0x0032_0028))
            writer.integer(UInt16(0))
            try writer.shortString(queue, "queue")
            writer.octet(0b100)  // no answer wanted
        }
        try await LinkEnd.finish(link)
    }
}

/// Ends a connection that a test drives by itself.
enum LinkEnd {
    /// Sends what is written and says goodbye; when this returns the server has carried it out.
    static func finish(_ link: sending AMQPLink) async throws {
        try link.output.connectionClose()
        try link.flush()
        // The answer to the goodbye ends the loop: it is not announced as expected, so the link takes it for an error.
        while true {
            do {
                _ = try link.receive()
            } catch {
                return
            }
            await Task.yield()
        }
    }
}
