internal import CeleryTransport

/// What an ``Intake`` consumes at present, and over which sessions.
struct Consumption {
    /// What was to be consumed when a consumer was made.
    struct Change: Sendable {
        /// How many changes there were before.
        let number: Int
        let queues: [Queue]
        let prefetch: Int
    }

    private(set) var queues: [Queue]
    /// The broker's prefetch count; 0 for none.
    var prefetch: Int
    private var changes = 0
    private(set) var session: ConsumerSession?
    /// Made for the last change, and not received from yet.
    private var next: (any Consumer)?
    /// Those that receive no more, and that still have messages.
    private var retired: [ConsumerSession] = []
    private var isStopping = false

    init(queues: [Queue], prefetch: Int) {
        self.queues = queues
        self.prefetch = prefetch
    }

    var present: Change { Change(number: changes, queues: queues, prefetch: prefetch) }

    /// The consumer that was made for the last change, once.
    mutating func takeNext() -> (any Consumer)? {
        defer { next = nil }
        return next
    }

    /// A session begins to receive; not if the queues have changed since its consumer was made.
    mutating func begin(_ session: ConsumerSession, _ number: Int) -> Bool {
        guard number == changes else { return false }
        self.session = session
        return true
    }

    /// The connection of a session is lost.
    mutating func end(_ session: ConsumerSession) {
        if self.session === session { self.session = nil }
    }

    /// Other queues are consumed from now on.
    ///
    /// - Parameter consumer: what consumes them; `nil` when there are none.
    /// - Returns: the session that is to receive no more, and a consumer that is needed no more.
    mutating func change(
        to queues: [Queue], by consumer: (any Consumer)?
    ) -> (retired: ConsumerSession?, unused: (any Consumer)?) {
        if isStopping { return (nil, consumer) }
        changes += 1
        self.queues = queues
        let unused = next
        next = consumer
        defer { session = nil }
        if let session {
            session.retire()
            retired.append(session)
        }
        return (session, unused)
    }

    /// Whether a session that receives no more is still to be closed; from now on it is not.
    mutating func forget(_ session: ConsumerSession) -> Bool {
        guard let position = retired.firstIndex(where: { $0 === session }) else { return false }
        retired.remove(at: position)
        return true
    }

    /// Nothing is consumed any more.
    ///
    /// - Returns: the session that is to receive no more, and a consumer that was not received from.
    mutating func stop() -> (session: ConsumerSession?, unused: (any Consumer)?) {
        isStopping = true
        return (session, takeNext())
    }

    /// All sessions that are still to be closed, which they are from now on.
    mutating func takeAll() -> [ConsumerSession] {
        defer { (session, retired) = (nil, []) }
        return retired + (session.map { [$0] } ?? [])
    }
}
