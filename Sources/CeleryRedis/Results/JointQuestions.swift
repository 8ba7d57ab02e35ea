internal import CeleryIO

/// The questions for results of tasks whose channels are subscribed to with one command: one for all of them, when the last
/// of the channels is there.
final class JointQuestions: Sendable {
    private struct State {
        /// The tasks whose subscription is not answered yet.
        var unanswered: Set<String> = []
        /// All tasks of a command, by the last of them.
        var byLast: [String: [String]] = [:]
    }

    private let question: @Sendable (_ ids: [String]) -> Void
    private let state = Locked(State())

    init(asking question: @escaping @Sendable (_ ids: [String]) -> Void) {
        self.question = question
    }

    /// The channels of these tasks are about to be subscribed to.
    func begin(_ ids: [String]) {
        guard let last = ids.last else { return }
        state.withLock { state in
            state.unanswered.formUnion(ids)
            state.byLast[last] = ids
        }
    }

    /// A subscription is answered; whether it is one of these.
    func subscribed(_ id: String) -> Bool {
        let (isOne, ids) = state.withLock { state in
            (state.unanswered.remove(id) != nil, state.byLast.removeValue(forKey: id))
        }
        if let ids { question(ids) }
        return isOne
    }

    /// Forgets all: the connection is lost.
    func clear() { state.withLock { $0 = State() } }
}
