internal import CeleryProtocol
internal import CeleryTransport

/// A task's message in little memory: its headers are kept as JSON, which takes less than half of the memory of the
/// ``ReceivedTask`` that was made of them.
final class PackedTask: Sendable {
    private let queue: String
    private let headers: [UInt8]
    /// The message without its headers.
    private let content: Message

    init(_ task: ReceivedTask) {
        queue = task.queue
        headers = task.message.headers.serialized()
        var content = task.message
        content.headers = [:]
        self.content = content
    }

    /// The task's id, as its message says it outside of its headers, if it does.
    var id: String? { content.properties.correlationID }

    /// The message as it was delivered, but for its raw bytes.
    func delivery(_ tag: DeliveryTag) -> Delivery {
        let content = Result { () throws(MessageError) in try restored() }
        return Delivery(tag: tag, queue: queue, message: content, raw: [])
    }

    /// The message.
    func restored() throws(MessageError) -> Message {
        var content = content
        do {
            content.headers = try JSONValue(json: headers).objectValue ?? [:]
        } catch {
            throw MessageError(.undecodable, "the headers are not JSON: \(error)")
        }
        return content
    }
}
