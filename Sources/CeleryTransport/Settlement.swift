/// What became of a delivered message.
public enum Settlement: Sendable, Hashable {
    /// It is done with.
    case acknowledge
    /// It goes back to its queue, to be delivered again.
    case requeue
    /// It goes back unused, to be delivered next.
    case giveBack
    /// It is dropped, or goes where the queue sends its dead letters.
    case discard
    /// It could not be run, for the reason given: it goes where an operator finds it. On RabbitMQ the queue's
    /// dead-letter exchange decides; on Redis it goes to the list `<queue>.dead-letter`.
    case deadLetter(reason: String)
}
