internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// Channels of tasks to come: subscribed to before the tasks are sent, so that their results are announced without a
/// further question.
///
/// They are subscribed to while somebody waits for a task, and their ids are given to the tasks that are sent next. Who
/// waits for one task after the other subscribes less often than once for each, and never waits for that. Who waits for
/// none subscribes to nothing.
final class SpareChannels: Sendable {
    /// So many are subscribed to at once when tasks are waited for again and again; fewer at first.
    private static let most = 8
    /// So many tasks that were sent and that nobody waits for are remembered. The channels of older ones are left.
    private static let mostSent = 16
    /// What is announced before somebody waits is kept up to so many bytes; else it is asked for when somebody does.
    private static let largestKept = 64 << 10

    private struct State {
        /// How many are subscribed to the next time.
        var count = 1
        /// The ids whose subscriptions are not answered yet.
        var asked: Set<String> = []
        /// The ids whose subscriptions are answered, for the next tasks.
        var spare: [String] = []
        /// The tasks that were sent and that nobody waits for yet, the oldest first, with what was last announced.
        var sent: [(id: String, update: ResultWatcher.Update?)] = []
        /// The tasks that are not remembered any longer, and whose channels are not left yet.
        var forgotten: [String] = []

        func position(of id: String) -> Int? { sent.firstIndex { $0.id == id } }
    }

    private let state = Locked(State())

    /// Somebody waits for a task: the ids whose channels are to be subscribed to now.
    func ask() -> [String] {
        state.withLock { state in
            guard state.asked.isEmpty, state.spare.isEmpty else { return [] }
            let ids = (0..<state.count).map { _ in RandomID.make() }
            state.asked = Set(ids)
            state.count = min(2 * state.count, Self.most)
            return ids
        }
    }

    /// A subscription is answered; whether it is one of these.
    func subscribed(_ id: String) -> Bool {
        state.withLock { state in
            guard state.asked.remove(id) != nil else { return false }
            state.spare.append(id)
            return true
        }
    }

    /// The id for a task that is about to be sent, if there is one.
    ///
    /// - Parameter leave: called with the ids whose channels are to be left.
    func take(_ leave: ([String]) -> Void) -> String? {
        let (id, forgotten) = state.withLock { state -> (String?, [String]) in
            guard let id = state.spare.popLast() else { return (nil, []) }
            if state.sent.count >= Self.mostSent { state.forgotten.append(state.sent.removeFirst().id) }
            state.sent.append((id, nil))
            defer { state.forgotten = [] }
            return (id, state.forgotten)
        }
        if !forgotten.isEmpty { leave(forgotten) }
        return id
    }

    /// Whether a task was sent and nobody waits for it yet.
    func remembers(_ id: String) -> Bool { state.withLock { $0.position(of: id) != nil } }

    /// Something was announced: kept, if it is of a task that was sent and that nobody waits for yet.
    func announced(_ update: ResultWatcher.Update, size: Int, of id: String) {
        state.withLock { state in
            guard let position = state.position(of: id) else { return }
            if size > Self.largestKept {
                state.forgotten.append(state.sent.remove(at: position).id)
            } else {
                state.sent[position].update = update
            }
        }
    }

    /// Somebody waits for a task from now on: what was announced of it so far. `nil` when its channel is not one of these.
    func claim(_ id: String) -> ResultWatcher.Update?? {
        state.withLock { state in state.position(of: id).map { state.sent.remove(at: $0).update } }
    }

    /// Forgets all: the connection is lost.
    func clear() { state.withLock { $0 = State() } }
}
