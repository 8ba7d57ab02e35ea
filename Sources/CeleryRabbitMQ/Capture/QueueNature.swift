/// What has to be known of a queue before it is looked at.
enum QueueNature {
    /// Puts what is given back to where it was.
    case classic
    /// A classic one that is deleted with its last consumer.
    case autoDelete
    /// A quorum queue, which serves what was given back before the rest and in the order in which it was: of several such
    /// messages either all are taken and given back, or their order changes. Or one of which nothing is known.
    case other
}
