internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Synchronization

/// Keeps tasks back that come faster than their rate limits allow, in a token bucket for each name, as Celery does: others
/// pass them, and they hold no slot. They count as held, as in Celery.
final class RateLimits: Sendable {
    private struct Bucket {
        let limit: RateLimit
        /// One at most, so that nothing is made up for.
        var tokens = 1.0
        var time = ContinuousClock.now
        var waiting: Deque<ReservedTask> = []
        /// The number of the deadline that the first one waits for.
        var timer: Int?

        /// Takes out what may start now.
        mutating func due(at now: ContinuousClock.Instant) -> [ReservedTask] {
            if limit.isNone {
                defer { waiting = [] }
                return Array(waiting)
            }
            var due: [ReservedTask] = []
            tokens = min(1, tokens + (now - time).inSeconds * limit.perSecond)
            time = now
            while tokens >= 1, let first = waiting.popFirst() {
                tokens -= 1
                due.append(first)
            }
            return due
        }

        /// When the next one may start.
        var next: ContinuousClock.Instant {
            // A little later rather than a little earlier.
            time + .seconds(min((1 - tokens) / limit.perSecond, 3600)) + .microseconds(10)
        }
    }

    private struct State {
        var limits: [String: RateLimit]
        var buckets: [String: Bucket] = [:]
        var isClosed = false
    }

    private let ready: WorkQueue<ReservedTask>
    private let usual: RateLimit?
    private let state: Locked<State>
    /// Whether any task has a limit, so that a worker without one looks nothing up.
    private let isUsed: Atomic<Bool>
    private let isEnabled: Bool

    /// - Parameters:
    ///   - handlers: the worker's handlers.
    ///   - options: the worker's options.
    ///   - ready: where tasks go that may start.
    init(_ handlers: [String: TaskHandler], _ options: CeleryWorker.Options, ready: WorkQueue<ReservedTask>) {
        self.ready = ready
        usual = options.rateLimit
        isEnabled = !options.disablesRateLimits
        let own = handlers.compactMapValues(\.options.rateLimit)
        state = Locked(State(limits: own))
        isUsed = Atomic(isEnabled && (usual != nil || !own.isEmpty))
    }

    /// The limit of tasks of this name; `nil` for none.
    func limit(_ name: String) -> RateLimit? {
        state.withLock { $0.limits[name] } ?? usual
    }

    /// From now on this counts for tasks of this name, those that wait among them.
    func set(_ name: String, _ limit: RateLimit) {
        let due = state.withLock { state -> [ReservedTask] in
            state.limits[name] = limit
            guard let old = state.buckets.removeValue(forKey: name) else { return [] }
            if let timer = old.timer { Deadlines.shared.remove(timer) }
            var bucket = Bucket(limit: limit)
            bucket.waiting = old.waiting
            return release(name, &bucket, &state)
        }
        if isEnabled { isUsed.store(true, ordering: .releasing) }
        ready.push(contentsOf: due)
    }

    /// Lets these start when they may.
    func add(_ tasks: [ReservedTask]) {
        guard isUsed.load(ordering: .acquiring) else { return ready.push(contentsOf: tasks) }
        let due = state.withLock { state -> [ReservedTask] in
            if state.isClosed { return [] }
            return tasks.flatMap { task -> [ReservedTask] in
                let name = task.task.request.task
                guard let limit = state.limits[name] ?? usual, !limit.isNone else { return [task] }
                var bucket = state.buckets[name] ?? Bucket(limit: limit)
                bucket.waiting.append(task)
                return release(name, &bucket, &state)
            }
        }
        ready.push(contentsOf: due)
    }

    private func wake(_ name: String) {
        let due = state.withLock { state -> [ReservedTask] in
            guard var bucket = state.buckets[name] else { return [] }
            // Perhaps another one than the one that has passed: there was a new limit meanwhile.
            if let timer = bucket.timer { Deadlines.shared.remove(timer) }
            bucket.timer = nil
            return release(name, &bucket, &state)
        }
        ready.push(contentsOf: due)
    }

    /// Takes out what may start now, and has the rest wait.
    private func release(_ name: String, _ bucket: inout Bucket, _ state: inout State) -> [ReservedTask] {
        let due = bucket.due(at: .now)
        if bucket.timer == nil, !bucket.waiting.isEmpty {
            bucket.timer = Deadlines.shared.add(bucket.next) { [weak self] in self?.wake(name) }
        }
        state.buckets[name] = bucket
        return due
    }

    /// Those that are kept back, by their names.
    var waiting: [ReservedTask] {
        state.withLock { $0.buckets.sorted { $0.key < $1.key }.flatMap(\.value.waiting) }
    }

    /// Takes out those that would wait longest of what `isWanted` says, at most so many.
    func takeLast(_ count: Int, where isWanted: (ReservedTask) -> Bool) -> [ReservedTask] {
        guard isUsed.load(ordering: .acquiring) else { return [] }
        return state.withLock { state in
            var taken: [ReservedTask] = []
            for name in state.buckets.keys.sorted() where taken.count < count {
                taken += state.buckets[name]?.waiting.takeLast(count - taken.count, where: isWanted) ?? []
            }
            return taken
        }
    }

    /// Takes out what `isWanted` says.
    func take(where isWanted: (ReservedTask) -> Bool) -> [ReservedTask] {
        guard isUsed.load(ordering: .acquiring) else { return [] }
        return state.withLock { state in
            Array(state.buckets.keys).flatMap { state.buckets[$0]?.waiting.take(where: isWanted) ?? [] }
        }
    }

    /// Nothing starts any more: what is kept back goes back to its queue when the consumer is closed.
    func close() {
        state.withLock { state in
            for timer in state.buckets.values.compactMap(\.timer) { Deadlines.shared.remove(timer) }
            state.buckets = [:]
            state.isClosed = true
        }
    }
}
