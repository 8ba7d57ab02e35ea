internal import CeleryIO
package import CeleryProtocol

/// Hands the states of tasks, as they come in, to those who wait for them.
package final class UpdateHub: Sendable {
    private let waiting = Locked<[String: [ObjectIdentifier: ResultWatcher]]>([:])

    package init() {}

    /// Has `watcher` get the states of a task from now on, until it ends.
    ///
    /// - Parameter onLast: called when the last one that waits for this task has ended.
    /// - Returns: whether it is the first one.
    package func add(_ watcher: ResultWatcher, id: String, onLast: @escaping @Sendable () -> Void) -> Bool {
        let isFirst = waiting.withLock { waiting in
            defer { waiting[id, default: [:]][ObjectIdentifier(watcher)] = watcher }
            return waiting[id] == nil
        }
        watcher.onEnd { [weak self, key = ObjectIdentifier(watcher)] in
            let wasLast = self?.waiting.withLock { waiting in
                guard waiting[id]?.removeValue(forKey: key) != nil, waiting[id]?.isEmpty == true else { return false }
                waiting[id] = nil
                return true
            }
            if wasLast == true { onLast() }
        }
        return isFirst
    }

    /// As ``add(_:id:onLast:)``, for a store that knows at once `known` of the task.
    package func add(_ watcher: ResultWatcher, id: String, known: () throws -> TaskResult?) rethrows {
        _ = add(watcher, id: id) {}
        // Looked up after it is there: what arrives meanwhile comes twice at worst.
        if let known = try known() { watcher.receive(.success(known)) }
    }

    /// Passes an update on to those who wait for the task.
    package func pass(_ update: ResultWatcher.Update, id: String) {
        let watchers = waiting.withLock { waiting in waiting[id].map { Array($0.values) } ?? [] }
        for watcher in watchers { watcher.receive(update) }
    }

    /// Whether somebody waits for the states of this task.
    package func isWaiting(for id: String) -> Bool { waiting.withLock { $0[id] != nil } }

    /// Passes on an error to those who wait for the task, and forgets them. Who comes from now on is the first.
    package func fail(_ error: any Error, id: String) {
        let watchers = waiting.withLock { $0.removeValue(forKey: id) } ?? [:]
        for watcher in watchers.values { watcher.receive(.failure(error)) }
    }

    /// Passes on an error to all, and forgets them. Who comes from now on is the first that waits.
    package func fail(_ error: any Error) {
        let all = waiting.withLock { waiting in
            // At once: one that came between would count as a further one, and nobody would subscribe for it.
            defer { waiting = [:] }
            return waiting.values.flatMap(\.values)
        }
        for watcher in all { watcher.receive(.failure(error)) }
    }
}
