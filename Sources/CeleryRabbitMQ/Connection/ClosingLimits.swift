/// How long a connection that is being closed waits for the server, whatever that does.
struct ClosingLimits: Sendable {
    /// For confirmations of what was published.
    var confirmations = Duration.seconds(10)
    /// For the goodbye of a connection that has published.
    var publisherGoodbye = Duration.seconds(2)
    /// For one that has consumed to tell the last settlements and to hear the goodbye.
    var consumerGoodbye = Duration.seconds(5)
}
