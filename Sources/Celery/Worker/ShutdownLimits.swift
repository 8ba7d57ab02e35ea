/// How long a worker that ends waits for the broker and the result backend, whatever they do. For tasks that run there is
/// no limit, as in Celery.
struct ShutdownLimits: Sendable {
    /// For the broker to send no more messages.
    var stop = Duration.seconds(5)
    /// For the last slots to store their results.
    var slots = Duration.seconds(4)
    /// For all that follows from the last tasks.
    var finishing = Duration.seconds(8)
    /// For the last events, of which none is worth more.
    var events = Duration.seconds(2)
    /// For each connection to say goodbye.
    var close = Duration.seconds(6)
}
