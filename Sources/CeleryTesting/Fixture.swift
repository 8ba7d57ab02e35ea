public import CeleryProtocol
internal import CeleryTransport

/// A captured message: a case of a file of fixtures.
///
/// Such files are written by `celery-swift capture`, by `write(to:)` of an array of fixtures, or by hand:
///
///     {"cases": [
///     {"name": "ship#0", "queue": "orders", "key": "orders", "raw": "{\"body\": \"W1sxXSwge30s...\", ...}"},
///     {"name": "ship#1", "queue": "orders", "exchange": "", "routing_key": "orders", "redelivered": false,
///      "properties": {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2},
///      "headers": {"task": ["S", "orders.ship"], "id": ["S", "4f6e..."], "retries": ["I", 0]},
///      "body": "[[1], {}, {\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}]"}
///     ]}
///
/// They are JSON in UTF-8: an object whose `cases` are objects, one a line. Whatever else it holds says where the cases come
/// from: `captured` (the time), `broker` (its address without the password) and `queue` in what `celery-swift capture` writes.
///
/// Of every case:
///
/// - `name`: the task's name and a number that no other of these has, `unreadable#3` for what is no task.
/// - `how`: how the message came to be, such as the Python code that sent it. May be missing.
/// - `queue`: the queue that it was in.
/// - Bytes stand as text where they are UTF-8, and otherwise as base64 under the same name with `_base64` behind it:
///   `raw` or `raw_base64`, `body` or `body_base64`.
///
/// From Redis:
///
/// - `key`: the list, which for a priority is the queue's name with kombu's separator and the priority's step.
/// - `raw`: the entry, byte for byte: kombu's envelope, whose body is mostly base64.
///
/// From RabbitMQ:
///
/// - `exchange`, `routing_key`: how it was published; `redelivered`: whether it was delivered before.
/// - `properties`: those that were sent, by AMQP's names. `timestamp` is in seconds since 1970.
/// - `headers`: each value as `[type, value]`, where the type is AMQP's letter as RabbitMQ uses it: `S` text (one that is
///   not UTF-8 is `{"base64": "..."}`), `I` `L` `l` `s` `U` `u` `i` `b` `B` integers, `d` `f` floats, `t` a Boolean, `V` null,
///   `T` seconds since 1970, `D` a decimal as `[places, digits]`, `x` bytes in base64, `A` an array of such pairs, `F` an object
///   of them. `x-delivery-count` is left out where a quorum queue has added it, at every delivery but the first.
/// - `body`, byte for byte.
/// - `content_base64`: the properties and the headers as bytes, only where the members above do not say all of them, as with a
///   header that stands twice. It is what is sent again.
///
/// Further members of a case are kept in ``details``: the fixtures of this package say under `expect` what Python made of the
/// message.
public struct Fixture: Sendable {
    /// The case's name.
    public let name: String
    /// The Python call that made the message; empty when the file does not say.
    public let how: String
    /// The queue that the message was in; empty when the file does not say.
    public let queue: String
    /// The message; an error when it is one that cannot be read.
    public let message: Result<Message, MessageError>
    /// The message as it was captured: the envelope on Redis, the body on RabbitMQ.
    public let raw: [UInt8]
    /// All members of the case.
    public let details: JSONObject

    /// Takes a message that was made in Swift, in the form that it has on Redis.
    ///
    /// - Parameters:
    ///   - name: the case's name.
    ///   - message: the message.
    ///   - queue: the queue that it is to be in.
    public init(name: String, _ message: Message, queue: String = "celery") {
        self.init(name: name, KombuEnvelope.encode(message), queue: queue)
    }

    /// Takes the bytes of a message as they are on Redis, whatever they hold.
    public init(name: String, envelope: [UInt8], queue: String = "celery") {
        self.init(name: name, envelope, queue: queue)
    }

    private init(name: String, _ envelope: [UInt8], queue: String) {
        var details: JSONObject = ["name": .string(name), "queue": .string(queue), "key": .string(queue)]
        details.setBytes(envelope, "raw")
        self.details = details
        self.name = name
        self.queue = queue
        how = ""
        raw = envelope
        message = Result { () throws(MessageError) in try KombuEnvelope.decode(envelope) }
    }

    /// Reads a case; `nil` when it holds no message.
    package init?(_ details: JSONObject) {
        self.details = details
        name = details["name"]?.stringValue ?? ""
        how = details["how"]?.stringValue ?? ""
        queue = details["queue"]?.stringValue ?? ""
        if let raw = details.bytes("raw") {
            self.raw = raw
            message = Result { () throws(MessageError) in try KombuEnvelope.decode(raw) }
        } else if let body = details.bytes("body") {
            raw = body
            message = .success(Message(fixture: details, body: body))
        } else {
            return nil
        }
    }
}
