/// What has to be known of a queue before its messages are copied.
enum QueueType {
    /// Puts what is given back to where it was.
    case classic
    /// A classic one that is deleted with its last consumer.
    case autoDelete
    /// Serves what was given back before the rest and in the order in which it was: of several such messages either all are
    /// taken and given back, or their order changes. It counts deliveries, in a header.
    case quorum
    /// A log, which keeps what it delivers.
    case stream
    /// One that the user may not declare; it is treated as a quorum queue is, but for the header.
    case unknown
}
