internal import CeleryTransport

extension RedisBroker {
    /// How the transport behaves; Celery's `broker_transport_options`.
    public struct Options: Sendable, Hashable {
        /// After how long a held message is delivered again (`visibility_timeout`).
        ///
        /// Held messages of all queues of a database are in one place, and every worker looks after all of them: all
        /// workers and apps that use the database must agree on this, Python's among them. A worker with a shorter one
        /// restores what others still run. The time is that of the workers' clocks: these must not differ by more than
        /// a fraction of the ``lease``.
        public var visibilityTimeout: Duration
        /// After how long without renewal a message that this worker holds counts as left behind. At most
        /// the visibility timeout counts. Renewed every third of it while the message is held.
        public var lease: Duration
        /// The steps that priorities are rounded down to (`priority_steps`), ascending; each has a list of its own, and
        /// the first is served first. Senders and workers must agree on them.
        public var prioritySteps: [Int]
        /// What stands between a queue's name and a priority step in the name of a list (`sep`). Senders and workers must
        /// agree on it.
        public var separator: String
        /// Which of several queues is served first (`queue_order_strategy`).
        public var queueOrder: QueueOrder

        /// The order of a worker's queues. The more urgent priority step comes first in any case, in all queues.
        public enum QueueOrder: String, Sendable, Hashable, CaseIterable {
            /// Each queue in turn.
            case roundRobin = "round_robin"
            /// As they are listed; a later one is served only when those before it are empty. Python takes them in any
            /// order, which stays the same.
            case listed = "priority"
            /// By their names; a later one is served only when those before it are empty.
            case sorted
        }

        /// Makes options; the defaults are Celery's, and a lease of one minute.
        public init(
            visibilityTimeout: Duration = .seconds(3600), lease: Duration = .seconds(60),
            prioritySteps: [Int] = [0, 3, 6, 9], separator: String = "\u{6}\u{16}",
            queueOrder: QueueOrder = .roundRobin
        ) {
            self.visibilityTimeout = visibilityTimeout
            self.lease = lease
            self.prioritySteps = prioritySteps
            self.separator = separator
            self.queueOrder = queueOrder
        }
    }
}

extension RedisBroker.Options {
    var keys: KombuKeys { KombuKeys(prioritySteps: prioritySteps, separator: separator) }

    /// The keys of a database, with the channels that bear its number.
    func keys(of address: RedisAddress) -> KombuKeys {
        var keys = keys
        keys.database = address.database
        return keys
    }

    /// These options, with those that stand in the address. What makes no sense is an error, and so is what is left.
    func overridden(by rest: AddressOptions) throws(TransportError) -> Self {
        var rest = rest
        var options = self
        if let timeout = try rest.takeDuration("visibility_timeout") { options.visibilityTimeout = timeout }
        if let steps = rest.take("priority_steps") {
            guard let steps = Self.steps(steps) else {
                throw rest.refusal("priority_steps", "must be numbers separated by commas, such as 0,3,6,9")
            }
            options.prioritySteps = steps
        }
        if let separator = rest.take("sep") { options.separator = separator }
        if let order = rest.take("queue_order_strategy") {
            guard let order = QueueOrder(rawValue: order) else {
                let known = QueueOrder.allCases.map(\.rawValue).joined(separator: ", ")
                throw rest.refusal("queue_order_strategy", "must be one of \(known)")
            }
            options.queueOrder = order
        }
        try options.check(rest)
        try rest.refuseRest(known: RedisAddress.known, of: .redisBroker)
        return options
    }

    private func check(_ rest: AddressOptions) throws(TransportError) {
        let range = "greater than 0 and not above \(AddressOptions.longest.components.seconds)"
        guard visibilityTimeout > .zero, visibilityTimeout <= AddressOptions.longest else {
            throw rest.refusal("visibility_timeout", "must be a number of seconds \(range)")
        }
        guard lease > .zero, lease <= AddressOptions.longest else {
            throw TransportError(.invalidConfiguration, "the lease must be a number of seconds \(range)")
        }
        // As kombu finds the step of a priority by bisection, they have an order.
        guard !prioritySteps.isEmpty, prioritySteps.allSatisfy({ (0...255).contains($0) }),
            zip(prioritySteps, prioritySteps.dropFirst()).allSatisfy(<)
        else {
            throw rest.refusal("priority_steps", "must be ascending numbers from 0 to 255, at least one of them")
        }
        guard !separator.isEmpty else { throw rest.refusal("sep", "must not be empty") }
    }

    /// Reads `0,3,6,9`, also in Python's brackets.
    private static func steps(_ text: String) -> [Int]? {
        var list = text[...]
        if let first = list.first, let last = list.last, (first, last) == ("[", "]") || (first, last) == ("(", ")") {
            list = list.dropFirst().dropLast()
        }
        let steps = list.split(separator: ",").map { Int($0.filter { $0 != " " }) }
        return steps.contains(nil) ? nil : steps.compactMap(\.self)
    }
}
