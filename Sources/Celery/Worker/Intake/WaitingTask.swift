internal import CeleryProtocol
internal import CeleryTransport

/// A task's message that waits for its eta in this process, perhaps among thousands: its headers are kept as JSON, which
/// takes less than half of the memory of the ``ReceivedTask`` that was made of them.
final class WaitingTask: Sendable {
    let message: HeldMessage
    /// Whether it is not counted while it waits.
    let isAside: Bool
    private let queue: String
    private let headers: [UInt8]
    /// The message without its headers.
    private let content: Message

    init(_ task: ReservedTask, isAside: Bool) {
        message = task.message
        self.isAside = isAside
        queue = task.task.queue
        headers = task.task.message.headers.serialized()
        var content = task.task.message
        content.headers = [:]
        self.content = content
    }

    /// The message as it was delivered, but for its raw bytes.
    var delivery: Delivery {
        let content = Result { () throws(MessageError) in try restored() }
        return Delivery(tag: message.tag, queue: queue, message: content, raw: [])
    }

    private func restored() throws(MessageError) -> Message {
        var content = content
        do {
            content.headers = try JSONValue(json: headers).objectValue ?? [:]
        } catch {
            throw MessageError(.undecodable, "the headers are not JSON: \(error)")
        }
        return content
    }
}
