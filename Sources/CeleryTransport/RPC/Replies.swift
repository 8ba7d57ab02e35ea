internal import CeleryIO
internal import CeleryProtocol
internal import DequeModule

/// What has arrived on a queue of replies, and what may still come. For whom there is a handle it is kept until it is asked
/// for; of the rest, which perhaps nobody will ask for, only so much.
final class Replies: Sendable {
    /// What somebody hears who asks for a task.
    enum Answer {
        /// The state that has come last.
        case result(TaskResult)
        /// Nothing has come yet.
        case awaited
        /// Nothing will come: the task was sent by somebody else, or its result was handed out or forgotten before.
        case unknown
    }

    private struct Interest {
        /// How many there are who may ask for the task's result.
        var count = 0
        /// Whether the task was sent from here and its result was not handed out yet.
        var isAwaited = false
    }

    private struct State {
        var results: [String: TaskResult] = [:]
        var interests: [String: Interest] = [:]
        /// The tasks which were sent from here, have not ended, and have no handle: it can be made again from the id.
        var abandoned: RecentIDs
        /// The ids of results that nobody has an interest in, in the order of their arrival; some may have been claimed.
        var unclaimed: Deque<String> = []
        var unclaimedCount = 0

        mutating func keep(_ result: TaskResult, id: String) {
            // What comes again after a connection was lost may be older than what is known.
            if results[id]?.state.isReady == true, !result.state.isReady { return }
            if result.state.isReady { abandoned.remove(id) }
            let isNew = results.updateValue(result, forKey: id) == nil
            if isNew, interests[id] == nil { addUnclaimed(id) }
        }

        mutating func addUnclaimed(_ id: String) {
            unclaimed.append(id)
            unclaimedCount += 1
        }

        mutating func remove(_ id: String) {
            interests[id]?.isAwaited = false
            abandoned.remove(id)
            drop(id)
        }

        mutating func drop(_ id: String) {
            if results.removeValue(forKey: id) != nil, interests[id] == nil { unclaimedCount -= 1 }
        }

        /// Forgets the oldest of those that nobody has an interest in.
        mutating func shrink(to limit: Int) -> Int {
            var dropped = 0
            while unclaimedCount > limit, let oldest = unclaimed.popFirst() {
                guard results[oldest] != nil, interests[oldest] == nil else { continue }
                drop(oldest)
                dropped += 1
            }
            if unclaimed.count > 2 * limit {
                var seen: Set<String> = []
                unclaimed.removeAll { results[$0] == nil || interests[$0] != nil || !seen.insert($0).inserted }
            }
            return dropped
        }
    }

    /// So many results are kept that nobody has an interest in.
    private let limit: Int
    private let state: Locked<State>

    /// - Parameters:
    ///   - limit: how many results are kept that nobody has an interest in.
    ///   - abandoned: of how many tasks without a result and without a handle it is known that they were sent from here.
    init(limit: Int, abandoned: Int) {
        self.limit = limit
        state = Locked(State(abandoned: RecentIDs(limit: abandoned)))
    }

    /// Keeps a result; how many older ones were forgotten over it.
    func keep(_ result: TaskResult, id: String) -> Int {
        state.withLock { state in
            state.keep(result, id: id)
            return state.shrink(to: limit)
        }
    }

    /// What is known of a task.
    subscript(id: String) -> Answer {
        state.withLock { state in
            if let result = state.results[id] { return .result(result) }
            return state.interests[id]?.isAwaited == true || state.abandoned.contains(id) ? .awaited : .unknown
        }
    }

    /// Whoever has asked for it keeps it.
    func remove(_ id: String) { state.withLock { $0.remove(id) } }

    /// Somebody may ask for the result from now on.
    ///
    /// - Parameter isSent: whether the task is being sent from here; its result is to come then.
    func addInterest(in id: String, isSent: Bool) {
        state.withLock { state in
            var interest = state.interests[id] ?? Interest()
            if interest.count == 0, state.results[id] != nil { state.unclaimedCount -= 1 }
            interest.count += 1
            if isSent { interest.isAwaited = true }
            state.interests[id] = interest
        }
    }

    /// One of them will not ask any more; how many older results were forgotten over it.
    func endInterest(in id: String) -> Int {
        state.withLock { state in
            guard var interest = state.interests[id] else { return 0 }
            interest.count -= 1
            state.interests[id] = interest.count > 0 ? interest : nil
            guard interest.count == 0 else { return 0 }
            let result = state.results[id]
            if interest.isAwaited, result?.state.isReady != true { state.abandoned.insert(id) }
            if result != nil { state.addUnclaimed(id) }
            return state.shrink(to: limit)
        }
    }

    /// How many results are kept.
    var count: Int { state.withLock { $0.results.count } }
}
