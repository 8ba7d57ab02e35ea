internal import CeleryProtocol
internal import CeleryTransport

/// An entry of a list that is made of a captured message.
struct ResentEntry {
    let key: String
    let envelope: [UInt8]

    /// - Throws: ``TransportError`` for a message of another kind of broker that cannot be read.
    init(_ message: ResentMessage, _ keys: KombuKeys) throws(TransportError) {
        let captured = message.fields["queue"]?.stringValue ?? ""
        if let raw = message.fields.bytes("raw") {
            key = message.queue + Self.step(message.fields["key"]?.stringValue ?? "", of: captured)
            envelope = Self.renewed(raw, for: captured == message.queue ? nil : message.queue)
            return
        }
        do {
            var read = try message.message.get()
            read.properties.exchange = ""
            read.properties.routingKey = message.queue
            read.properties.deliveryTag = RandomID.make()
            read.properties.isRedelivered = false
            key = keys.queue(message.queue, priority: read.properties.priority)
            envelope = KombuEnvelope.encode(read)
        } catch {
            throw TransportError(.rejected, "\(error)", underlyingError: error)
        }
    }

    /// What stands behind the queue's name in the name of the list of a priority.
    private static func step(_ key: String, of queue: String) -> String {
        guard !queue.isEmpty, key.utf8.starts(with: queue.utf8) else { return "" }
        return String(decoding: key.utf8.dropFirst(queue.utf8.count), as: UTF8.self)
    }

    /// The envelope as it was but for its tag, which a sender's transport makes: workers note what they hold by it, so that
    /// no two messages may have the same. In another queue also its name, to which a worker gives the message back.
    static func renewed(_ raw: [UInt8], for queue: String?) -> [UInt8] {
        do {
            _ = try JSONValue(json: raw)
        } catch {
            // What no worker can read goes as it is.
            return raw
        }
        var envelope = raw
        func replace(_ path: [String], _ text: String) {
            guard let range = JSONLocator.range(of: ["properties"] + path, in: envelope),
                envelope[range].first == UInt8(ascii: "\"")
            else { return }
            envelope.replaceSubrange(range, with: JSONValue.string(text).serialized())
        }
        replace(["delivery_tag"], RandomID.make())
        if let queue {
            replace(["delivery_info", "exchange"], "")
            replace(["delivery_info", "routing_key"], queue)
        }
        return envelope
    }
}
