internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// What one who waits for a group hears of.
private enum GroupEvent: Sendable {
    case update(id: String, ResultWatcher.Update)
    /// The store has taken the question.
    case heard
    case failed(any Error)
}

extension GroupHandle {
    /// Waits for all tasks to end.
    ///
    /// - Parameter onEnd: gets the end of each task with its position, as they come. What it throws ends the wait.
    /// - Throws: as ``values(timeout:)``, but for `TaskFailure`.
    func waitForEnds(timeout: Duration?, _ onEnd: (Int, TaskResult) throws -> Void) async throws {
        for task in tasks { try task.checkIsWanted() }
        let store = try store
        let wait = ResultWait(timeout: timeout)
        var open: [String: [Int]] = [:]
        for (position, task) in tasks.enumerated() {
            if let end = task.ended { try onEnd(position, end) } else { open[task.id, default: []].append(position) }
        }
        let isComplete: Void? = try await wait.answer { deadline, isHeard in
            try await Self.listen(for: open.keys, in: store, until: deadline) { event in
                switch event {
                case .heard: isHeard()
                case .failed(let error): throw error
                case .update(let id, let update):
                    guard let positions = open[id] else { break }
                    guard let end = try read(update, of: positions) else { break }
                    open[id] = nil
                    for position in positions {
                        tasks[position].claim(end, store)
                        try onEnd(position, end)
                    }
                }
                return open.isEmpty
            } ? () : nil
        }
        if isComplete != nil { return }
        throw wait.timedOut("\(open.count) of the \(tasks.count) tasks of the group \(id) have not ended")
    }

    /// The end of a task, if that is what the update is.
    private func read(_ update: ResultWatcher.Update, of positions: [Int]) throws -> TaskResult? {
        do {
            let result = try update.get()
            return result.state.isReady ? result : nil
        } catch let error as MessageError {
            throw positions.first.map { tasks[$0].unreadable(error) } ?? error
        }
    }

    /// Gives `handle` what comes of some tasks, until it says that it has heard enough.
    ///
    /// - Returns: whether it has; else the time is over.
    private static func listen(
        for ids: some Collection<String>, in store: any ResultStore, until deadline: ContinuousClock.Instant?,
        _ handle: (GroupEvent) throws -> Bool
    ) async throws -> Bool {
        if ids.isEmpty { return true }
        let (events, continuation) = AsyncStream<GroupEvent>.makeStream()
        let watchers = ids.map { id in
            (id: id, watcher: ResultWatcher { continuation.yield(.update(id: id, $0)) })
        }
        // On its own, because the wait may end before the store answers.
        let question = Task {
            do {
                try await ask(store, watchers)
                continuation.yield(.heard)
            } catch {
                continuation.yield(.failed(error))
            }
        }
        let number = deadline.map { Deadlines.shared.add($0) { continuation.finish() } }
        defer {
            if let number { Deadlines.shared.remove(number) }
            question.cancel()
            for (_, watcher) in watchers { watcher.end() }
        }
        for await event in events { if try handle(event) { return true } }
        try Task.checkCancellation()
        return false
    }

    /// Has watchers hear of their tasks; those that have ended are found with one question, which is cheaper than to
    /// subscribe.
    private static func ask(
        _ store: any ResultStore, _ watches: [(id: String, watcher: ResultWatcher)]
    ) async throws {
        let known: [String: TaskResult]
        do {
            known = try await store.results(of: watches.map(\.id))
        } catch is MessageError {
            // Which of them cannot be read is said by its watcher.
            known = [:]
        }
        var rest: [(id: String, watcher: ResultWatcher)] = []
        for watch in watches {
            if let end = known[watch.id], end.state.isReady {
                watch.watcher.receive(.success(end))
            } else {
                rest.append(watch)
            }
        }
        if !rest.isEmpty { try await store.watch(contentsOf: rest) }
    }
}
