internal import CeleryProtocol
internal import CeleryTransport

/// One thing to do to send a canvas.
enum CanvasStep: Sendable {
    /// Send a message.
    indirect case message(Message, Destination)
    /// Keep the tree of a chord's header, whose results are nested.
    case saveGroup(ResultTree)
    /// Say how many tasks a chord's header has: its last message is next.
    indirect case openChord(ChordOpening)
}

extension CanvasStep {
    /// The id of the group that the message belongs to; `nil` for none.
    var group: String? {
        guard case .message(let message, _) = self else { return nil }
        return message.headers["group"]?.stringValue
    }
}
