internal import CeleryIO
internal import CeleryProtocol
internal import DequeModule

/// What has arrived on a queue of replies. For whom there is a handle it is kept until it is asked for; of the rest, which
/// perhaps nobody will ask for, only so much.
final class Replies: Sendable {
    private struct State {
        var results: [String: TaskResult] = [:]
        /// How many there are who may ask for the task's result.
        var interests: [String: Int] = [:]
        /// The ids of results that nobody has an interest in, in the order of their arrival; some may have been claimed.
        var unclaimed: Deque<String> = []
        var unclaimedCount = 0

        mutating func keep(_ result: TaskResult, id: String) {
            // What comes again after a connection was lost may be older than what is known.
            if results[id]?.state.isReady == true, !result.state.isReady { return }
            let isNew = results.updateValue(result, forKey: id) == nil
            if isNew, interests[id] == nil { addUnclaimed(id) }
        }

        mutating func addUnclaimed(_ id: String) {
            unclaimed.append(id)
            unclaimedCount += 1
        }

        mutating func remove(_ id: String) {
            if results.removeValue(forKey: id) != nil, interests[id] == nil { unclaimedCount -= 1 }
        }

        /// Forgets the oldest of those that nobody has an interest in.
        mutating func shrink(to limit: Int) -> Int {
            var dropped = 0
            while unclaimedCount > limit, let oldest = unclaimed.popFirst() {
                guard results[oldest] != nil, interests[oldest] == nil else { continue }
                remove(oldest)
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
    private let state = Locked(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Keeps a result; how many older ones were forgotten over it.
    func keep(_ result: TaskResult, id: String) -> Int {
        state.withLock { state in
            state.keep(result, id: id)
            return state.shrink(to: limit)
        }
    }

    /// The result, if it has come.
    subscript(id: String) -> TaskResult? { state.withLock { $0.results[id] } }

    /// Whoever has asked for it keeps it.
    func remove(_ id: String) { state.withLock { $0.remove(id) } }

    /// Somebody may ask for the result from now on.
    func addInterest(in id: String) {
        state.withLock { state in
            state.interests[id, default: 0] += 1
            if state.interests[id] == 1, state.results[id] != nil { state.unclaimedCount -= 1 }
        }
    }

    /// One of them will not ask any more; how many older results were forgotten over it.
    func endInterest(in id: String) -> Int {
        state.withLock { state in
            guard let count = state.interests[id] else { return 0 }
            state.interests[id] = count > 1 ? count - 1 : nil
            if count == 1, state.results[id] != nil { state.addUnclaimed(id) }
            return state.shrink(to: limit)
        }
    }

    /// How many results are kept.
    var count: Int { state.withLock { $0.results.count } }
}
