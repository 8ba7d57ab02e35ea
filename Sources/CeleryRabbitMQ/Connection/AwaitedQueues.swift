internal import CeleryTransport

/// The queues that a producer has declared, and the messages that wait for the declaration of theirs.
struct AwaitedQueues {
    private var declared: Set<Queue> = []
    private var waiting: [Queue: [PendingPublish]] = [:]

    /// Whether the queue has been declared.
    func isDeclared(_ queue: Queue) -> Bool { declared.contains(queue) }

    /// The queue was deleted, or has expired, since it was declared.
    mutating func forget(_ queue: Queue) { declared.remove(queue) }

    /// A message waits for its queue; whether it is the first one, and the queue is to be declared.
    mutating func add(_ queue: Queue, for publish: PendingPublish) -> Bool {
        waiting[queue, default: []].append(publish)
        return waiting[queue]?.count == 1
    }

    /// The queue is there, or cannot be used: those who have waited for it.
    mutating func takeAnswered(_ queue: Queue, isDeclared: Bool) -> [PendingPublish] {
        if isDeclared { declared.insert(queue) }
        return waiting.removeValue(forKey: queue) ?? []
    }

    /// Nobody waits any more.
    mutating func end() { waiting.removeAll() }
}
