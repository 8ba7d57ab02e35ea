internal import CeleryIO
internal import CeleryProtocol
internal import DequeModule
internal import Synchronization

/// The tasks that are not to run, by id or by stamp: Celery's `revoked`.
final class RevokedTasks: Sendable {
    /// More ids are not remembered (`CELERY_WORKER_REVOKES_MAX`): the oldest ones are forgotten.
    private static let mostIDs = 50_000
    /// For so long an id is remembered (`CELERY_WORKER_REVOKE_EXPIRES`).
    private static let longestAge = Duration.seconds(10_800)

    private struct State {
        typealias Entry = (id: String, time: ContinuousClock.Instant)

        /// When each was revoked.
        var times: [String: ContinuousClock.Instant] = [:]
        /// The ids in the order in which they were revoked; one that was revoked again stands there twice.
        var order: Deque<Entry> = []
        /// The stamps, by the names of their headers.
        var stamps: [String: Set<JSONValue>] = [:]
        /// How often something was added.
        var changes = 0

        mutating func purge(_ now: ContinuousClock.Instant) {
            while let oldest = order.first,
                times.count > RevokedTasks.mostIDs || now - oldest.time > RevokedTasks.longestAge
            {
                order.removeFirst()
                if times[oldest.id] == oldest.time { times[oldest.id] = nil }
            }
            // What is revoked again and again has old places.
            if order.count > 2 * times.count + 1000 { order.removeAll { times[$0.id] != $0.time } }
        }

        /// What is remembered, the oldest first.
        mutating func remembered(at now: ContinuousClock.Instant) -> [Entry] {
            purge(now)
            return order.filter { times[$0.id] == $0.time }
        }
    }

    private let state = Locked(State())
    /// So that a worker of which nobody has revoked anything looks nothing up.
    private let isUsed = Atomic(false)

    /// These tasks are not to run.
    func add(_ ids: some Sequence<String>, at now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            for id in ids {
                state.times[id] = now
                state.order.append((id, now))
            }
            state.purge(now)
            state.changes += 1
        }
        isUsed.store(true, ordering: .releasing)
    }

    /// Tasks with one of these stamps are not to run.
    func add(stamps: [(header: String, values: [JSONValue])]) {
        state.withLock { state in
            for (header, values) in stamps { state.stamps[header, default: []].formUnion(values) }
            state.changes += 1
        }
        isUsed.store(true, ordering: .releasing)
    }

    /// Whether a task is not to run.
    func contains(_ request: TaskRequest, at now: ContinuousClock.Instant = .now) -> Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return state.withLock { state in
            if let time = state.times[request.id], now - time <= Self.longestAge { return true }
            return !state.stamps.isEmpty && request.hasStamp(among: state.stamps)
        }
    }

    /// Whether a task of this id may be one that is not to run; for certain that depends on its stamps, too.
    func mayContain(_ id: String?, at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard state.stamps.isEmpty, let id else { return true }
            return state.times[id].map { now - $0 <= Self.longestAge } ?? false
        }
    }

    /// How often something was added.
    var changes: Int { state.withLock { $0.changes } }

    /// All that is remembered: the ids with how long ago they were revoked, the oldest first, and the stamps.
    func known(
        at now: ContinuousClock.Instant
    ) -> (ids: [(id: String, age: Duration)], stamps: [String: Set<JSONValue>]) {
        state.withLock { state in
            (state.remembered(at: now).map { (id: $0.id, age: now - $0.time) }, state.stamps)
        }
    }

    /// The ids, the oldest first.
    var ids: [String] { state.withLock { $0.remembered(at: .now).map(\.id) } }
}

extension TaskRequest {
    /// Whether one of the task's stamps is among these.
    func hasStamp(among wanted: [String: Set<JSONValue>]) -> Bool {
        wanted.contains { header, values in
            guard let stamp = stamps[header] else { return false }
            if case .array(let several) = stamp { return several.contains(where: values.contains) }
            return values.contains(stamp)
        }
    }
}
