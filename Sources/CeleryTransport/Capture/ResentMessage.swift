package import CeleryProtocol

/// A captured message that is to be sent again.
package struct ResentMessage: Sendable {
    /// The members of its case in a file of fixtures.
    package let fields: JSONObject
    /// The message, as far as it can be read: what goes to a broker of another kind.
    package let message: Result<Message, MessageError>
    /// Where to send it.
    package let queue: String

    package init(fields: JSONObject, message: Result<Message, MessageError>, queue: String) {
        self.fields = fields
        self.message = message
        self.queue = queue
    }
}
