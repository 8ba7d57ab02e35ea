import CeleryTransport

@testable import CeleryRabbitMQ

/// Deletes a queue behind the back of those who use it.
enum QueueDeletion {
    static func delete(_ queue: String) async throws {
        var link = try RawLink()
        try link.output.delete(queue: queue, channel: 1)
        try await link.finish()
    }
}
