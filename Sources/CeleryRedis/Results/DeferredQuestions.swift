internal import CeleryIO
internal import CeleryTransport
internal import DequeModule

/// The questions for results of tasks that were just sent.
///
/// A result that was stored before its channel was subscribed to is not announced, so it has to be asked for. A task
/// that was just sent has hardly ended by then: as a rule its result is announced before the question's time comes.
final class DeferredQuestions: RedisConnection.Upkeep {
    private static let delay = Duration.microseconds(400)

    private struct State {
        /// The tasks whose subscription is not answered yet.
        var unanswered: Set<String> = []
        /// The tasks that are to be asked for.
        var open: Set<String> = []
        /// In the order of their times, those that are not open any more among them; the first one is open.
        var questions: Deque<(id: String, due: ContinuousClock.Instant)> = []

        mutating func dropClosed() {
            while let first = questions.first, !open.contains(first.id) { questions.removeFirst() }
        }
    }

    private let hub: UpdateHub
    private let question: ResultSubscriptions.Question
    private let state = Locked(State())

    /// - Parameter hub: gets the answers.
    init(for hub: UpdateHub, asking question: @escaping ResultSubscriptions.Question) {
        self.hub = hub
        self.question = question
    }

    /// The subscription for a task that was just sent is about to be made.
    func begin(_ id: String) {
        state.withLock { _ = $0.unanswered.insert(id) }
    }

    /// The subscription for a task is there: asks for its result, now or later.
    func subscribed(_ id: String) {
        let isWaiting = hub.isWaiting(for: id)
        let isLater = state.withLock { state in
            guard state.unanswered.remove(id) != nil else { return false }
            if isWaiting, state.open.insert(id).inserted { state.questions.append((id, .now + Self.delay)) }
            return true
        }
        if !isLater { ask(id) }
    }

    private func ask(_ id: String) {
        guard hub.isWaiting(for: id) else { return }
        question(id) { [hub] answer in
            if let answer { hub.pass(answer, id: id) }
        }
    }

    /// The result of a task is there.
    func end(_ id: String) {
        state.withLock { state in
            if state.open.remove(id) != nil { state.dropClosed() }
        }
    }

    /// Forgets all: the connection is lost.
    func clear() {
        state.withLock { $0 = State() }
    }

    func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> PendingCommand? {
        while let id = takeDue(now) { ask(id) }
        return nil
    }

    private func takeDue(_ now: ContinuousClock.Instant) -> String? {
        state.withLock { state in
            guard let first = state.questions.first, first.due <= now else { return nil }
            state.questions.removeFirst()
            state.open.remove(first.id)
            state.dropClosed()
            return first.id
        }
    }

    var nextDeadline: ContinuousClock.Instant? { state.withLock { $0.questions.first?.due } }
}
