internal import CeleryIO
internal import CeleryProtocol
internal import DequeModule

/// The tasks that were acknowledged before they ran, as far as the broker may not have heard of it: when a connection is
/// lost with an acknowledgement on its way, the message comes again, and its task must not run again.
final class StartedTasks: Sendable {
    private struct Entry: Sendable {
        let attempt: TaskAttempt
        let deliveryTag: String?
        let bodyCount: Int
        let time: ContinuousClock.Instant
        /// The connection that it was acknowledged over.
        let session: Int
    }

    /// More are not remembered: a broker that has not heard of so many acknowledgements sends no further messages.
    private static let mostEntries = 2048
    /// An acknowledgement that was said so long before is heard, or its connection was found to be dead.
    private static let longestAge = Duration.seconds(600)

    private let entries = Locked(Deque<Entry>())

    /// A task is acknowledged and starts.
    func add(_ task: ReceivedTask, _ session: ConsumerSession) {
        let entry = Entry(
            attempt: TaskAttempt(task.request), deliveryTag: task.message.properties.deliveryTag,
            bodyCount: task.message.body.count, time: .now, session: session.number)
        entries.withLock { entries in
            if entries.count == Self.mostEntries { entries.removeFirst() }
            entries.append(entry)
        }
    }

    /// The task that was added does not start.
    func remove(_ task: ReceivedTask, _ session: ConsumerSession) {
        let attempt = TaskAttempt(task.request)
        entries.withLock { entries in
            let position = entries.lastIndex { $0.attempt == attempt && $0.session == session.number }
            if let position { entries.remove(at: position) }
        }
    }

    /// Whether this message, which has come again, is one whose task was started here; asked once for each.
    func hasStarted(_ task: ReceivedTask, _ session: ConsumerSession) -> Bool {
        let (attempt, message) = (TaskAttempt(task.request), task.message)
        let now = ContinuousClock.now
        return entries.withLock { entries in
            let position = entries.lastIndex { entry in
                guard entry.attempt == attempt, entry.bodyCount == message.body.count,
                    now - entry.time < Self.longestAge
                else { return false }
                // Kombu's own tag names the message. Without one only a new connection brings it again: another message
                // of the same id is another call of the same task.
                guard let tag = entry.deliveryTag else { return entry.session != session.number }
                return tag == message.properties.deliveryTag
            }
            guard let position else { return false }
            entries.remove(at: position)
            return true
        }
    }
}
