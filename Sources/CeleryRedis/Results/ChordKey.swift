/// What is kept of a chord until its body is sent; the keys end with these.
enum ChordKey: String, Sendable, CaseIterable {
    /// The results of the header's tasks.
    case parts = "j"
    /// How many tasks were added to the header.
    case growth = "t"
    /// How many tasks the header was sent with.
    case size = "s"
    /// Which tasks are counted.
    case counted = "d"
    /// Who is about to send the body, or that it was sent.
    case claim = "c"
    /// Of which claims the messages of the body have run. Celery has no such key.
    case begun = "b"
}
