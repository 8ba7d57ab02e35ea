internal import CeleryTransport
internal import DequeModule

/// The answers that one channel owes, in the order of the questions.
struct ReplyQueue {
    typealias Continuation = CheckedContinuation<Void, any Error>

    private struct Pending {
        let expected: MethodID
        let askedAt: ContinuousClock.Instant
        let continuation: Continuation?
    }

    private var pending: Deque<Pending> = []

    /// When the oldest question that waits was asked.
    var askedAt: ContinuousClock.Instant? { pending.first?.askedAt }

    /// Notes questions that were sent; `continuation` waits for the last of them.
    mutating func append(_ expected: [MethodID], askedAt: ContinuousClock.Instant, _ continuation: Continuation?) {
        for (index, method) in expected.enumerated() {
            pending.append(
                Pending(
                    expected: method,
                    askedAt: askedAt,
                    continuation: index == expected.count - 1 ? continuation : nil
                )
            )
        }
    }

    /// Takes an answer. `false` when it is not the one that comes next.
    mutating func resolve(_ method: MethodID) -> Bool {
        guard let next = pending.first, next.expected == method else { return false }
        pending.removeFirst()
        next.continuation?.resume()
        return true
    }

    mutating func fail(_ error: TransportError) {
        let continuations = pending.compactMap(\.continuation)
        pending.removeAll()
        for continuation in continuations { continuation.resume(throwing: error) }
    }
}
