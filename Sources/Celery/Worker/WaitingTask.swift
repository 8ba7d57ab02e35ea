internal import CeleryProtocol
internal import CeleryTransport

/// A task's message that waits for its eta in this process, perhaps among thousands: its headers are kept as JSON, which
/// takes less than half of the memory of the ``Work`` that was made of them.
final class WaitingTask: Sendable {
    let session: ConsumerSession
    /// Whether it is not counted while it waits.
    let isAside: Bool
    private let tag: DeliveryTag
    private let queue: String
    private let headers: [UInt8]
    /// The message without its headers.
    private let message: Message

    init(_ work: Work, isAside: Bool) {
        session = work.session
        self.isAside = isAside
        tag = work.tag
        queue = work.queue
        headers = work.message.headers.serialized()
        var message = work.message
        message.headers = [:]
        self.message = message
    }

    /// The message as it was delivered, but for its raw bytes.
    var delivery: Delivery {
        let message = Result { () throws(MessageError) in try restored() }
        return Delivery(tag: tag, queue: queue, message: message, raw: [])
    }

    private func restored() throws(MessageError) -> Message {
        var message = message
        do {
            message.headers = try JSONValue(json: headers).objectValue ?? [:]
        } catch {
            throw MessageError(.undecodable, "the headers are not JSON: \(error)")
        }
        return message
    }
}
