internal import CeleryProtocol
internal import CeleryTransport

extension Delivery {
    /// The message of an entry of a queue's list.
    init(envelope: [UInt8], number: UInt64, queue: String) {
        LargeBodies.used(size: envelope.count)
        let message = Result { () throws(MessageError) in
            var message = try KombuEnvelope.decode(envelope)
            if message.properties.routingKey == nil { message.properties.routingKey = queue }
            return message
        }
        self.init(tag: DeliveryTag(number), queue: queue, message: message, raw: envelope)
    }
}
