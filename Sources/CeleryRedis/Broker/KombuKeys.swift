/// The names of kombu's keys and channels on Redis.
struct KombuKeys: Sendable {
    /// kombu's `PRIORITY_STEPS`.
    static let defaultPrioritySteps = [0, 3, 6, 9]
    /// kombu's `Channel.sep`.
    static let defaultSeparator = "\u{6}\u{16}"

    /// The steps that priorities are rounded down to (`priority_steps`), ascending; the first is served first.
    var prioritySteps = defaultPrioritySteps
    /// Between a queue and a priority step, and between the fields of a binding (`sep`).
    var separator = defaultSeparator
    /// The number of the database, for the names of channels.
    var database = 0

    /// Held messages: tag to `[envelope, exchange, routing key]`.
    let unacked = "unacked"
    /// Held messages: tag to the time from which `visibility_timeout` counts.
    let unackedIndex = "unacked_index"
    /// Taken by kombu while it restores messages. Not needed here: a script restores each message in one step.
    let unackedMutex = "unacked_mutex"

    /// Ours: the signs of life of this package's consumers, see ``SignOfLife``.
    let workers = "unacked_swift_workers"
    /// Ours: tags of messages that wait in `unacked` for their eta, by the time to bring them back at.
    let etas = "unacked_swift_etas"

    /// Ours: idle consumers of these queues that wait for their turn to watch, by how long they have waited.
    func idle(_ queues: [String]) -> String { "unacked_swift_idle:" + queues.sorted().joined(separator: ",") }
    /// Ours: who watches these queues, see ``WatchTurn``.
    func turn(_ queues: [String]) -> String { "unacked_swift_turn:" + queues.sorted().joined(separator: ",") }
    /// Ours: the channel on which a consumer is told that it is its turn.
    func turnChannel(_ consumer: String) -> String { "unacked_swift_turn/" + consumer }

    /// The list of a queue's messages of a priority.
    func queue(_ name: String, priority: Int?) -> String {
        let clamped = min(max(priority ?? 0, 0), 9)
        // As in kombu: what is below all steps goes to the last one, as an index of -1 does.
        guard let step = prioritySteps.last(where: { $0 <= clamped }) ?? prioritySteps.last else { return name }
        return list(of: name, step: step)
    }

    /// The list of a queue's messages of a priority step.
    func list(of name: String, step: Int) -> String {
        step == 0 ? name : name + separator + String(step)
    }

    /// The set of an exchange's bindings.
    func bindings(_ exchange: String) -> String { "_kombu.binding.\(exchange)" }
    /// The set of an exchange's bindings that kombu 5.7 never sweeps away.
    func permanentBindings(_ exchange: String) -> String { "_kombu.binding_permanent.\(exchange)" }

    /// Until when the bindings of exchanges are kept whose queues expire.
    let bindingDeadlines = "_kombu.binding_deadlines"

    /// The channel of a fanout exchange. Channels belong to no database, and so its number stands before the name.
    ///
    /// - Parameter routingKey: of a message, or of a binding, where `#` stands for any.
    func channel(_ exchange: String, _ routingKey: String) -> String {
        let key = routingKey.isEmpty ? "" : "/\(routingKey)"
        return "/\(database).\(exchange)\(key.replacing("#", with: "*"))"
    }

    /// Where messages go that cannot be run.
    func deadLetters(_ queue: String) -> String { "\(queue).dead-letter" }

    /// A result, and the channel on which its changes are announced.
    func result(_ id: String) -> String { "celery-task-meta-\(id)" }
    /// The tasks of a group.
    func group(_ id: String) -> String { "celery-taskset-meta-\(id)" }
    /// What is known of a chord whose header is this group.
    func chord(_ group: String, _ part: ChordKey) -> String { "celery-taskset-meta-\(group).\(part.rawValue)" }
}
