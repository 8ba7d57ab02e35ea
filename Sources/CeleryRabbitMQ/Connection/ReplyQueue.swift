internal import DequeModule

/// The answers that one channel owes, in the order of the questions.
struct ReplyQueue: Sendable {
    /// Who has asked.
    enum Asker: Sendable, Equatable {
        /// A caller, by its number.
        case caller(UInt64)
        /// The connection, which declares a queue.
        case declaration
        /// The connection, which opens the channel for publishing again.
        case publishChannel
    }

    struct Pending: Sendable {
        let expected: MethodID
        let asker: Asker?
        /// What it is about, for messages.
        let subject: String?
        let askedAt: ContinuousClock.Instant
    }

    private var pending: Deque<Pending> = []

    /// What is to be answered next.
    var next: Pending? { pending.first }

    /// Who waits.
    var askers: [Asker] { pending.compactMap(\.asker) }

    /// Notes questions that are sent; `asker` waits for the last of them.
    mutating func append(
        _ expected: [MethodID], _ asker: Asker?, subject: String? = nil, askedAt: ContinuousClock.Instant
    ) {
        for (index, method) in expected.enumerated() {
            pending.append(
                Pending(
                    expected: method, asker: index == expected.count - 1 ? asker : nil, subject: subject,
                    askedAt: askedAt))
        }
    }

    /// Takes an answer; who waited for it. `nil` when it is not the one that comes next.
    mutating func resolve(_ method: MethodID) -> Asker?? {
        guard let next = pending.first, next.expected == method else { return nil }
        pending.removeFirst()
        return .some(next.asker)
    }
}
