internal import CeleryIO
public import CeleryProtocol

/// Where results are kept, or how they are sent back.
///
/// A result backend is a value that says where and how to connect; ``makeResultStore(context:)`` connects.
public protocol ResultBackend: Sendable {
    /// Where the results are, for people: an address without its password.
    var location: String { get }

    /// Makes the store. It connects when it is first used, and again after a connection was lost.
    ///
    /// - Throws: ``TransportError`` when the address makes no sense.
    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore
}

/// An open result backend.
public protocol ResultStore: Sendable {
    /// Connects, so that a backend which refuses is known before it is needed. Called before a worker's first task;
    /// does nothing unless implemented.
    ///
    /// - Throws: ``TransportError``.
    func connect() async throws

    /// Prepares for results of tasks that are sent from now on. Called before a client's first task.
    func prepare() async throws

    /// An id for a task that is about to be sent, whose states this store hears of already; `nil`, as by default, when
    /// any other will do.
    func takeID() -> String?

    /// Stores states, those of one task in this order, and announces them. A stored SUCCESS is never overwritten.
    ///
    /// - Returns: what went wrong, by the position in `results`; empty when all are stored. One that is refused does
    ///   not keep others from being stored, and what is stored is not named here, so that nothing is stored twice.
    func store(contentsOf results: [StoredResult]) async -> [Int: any Error]

    /// The state of a task as it is now; `nil` when nothing is known of it (PENDING).
    func result(of id: String) async throws -> TaskResult?

    /// Gives `watcher` the states of a task from now on, until it ends: what is known already, then every change.
    ///
    /// - Throws: ``TransportError``. What goes wrong later is given to the watcher.
    func watch(_ id: String, _ watcher: ResultWatcher) async throws

    /// There is one more handle on a task: what the store has in memory for it has to stay until it is claimed or
    /// ``endInterest(in:)`` is called as often as this; by default nothing happens.
    ///
    /// - Parameters:
    ///   - id: the task's id.
    ///   - isSent: whether this is the handle of a task that is being sent, not one made again from an id.
    func addInterest(in id: String, isSent: Bool)

    /// There is one handle less on a task; by default nothing happens.
    func endInterest(in id: String)

    /// The end of a task was handed to whoever asked for it, who keeps it. A store that had it in memory for that
    /// purpose may drop it; by default nothing happens.
    func claim(_ id: String)

    /// Removes what is known of a task.
    func forget(_ id: String) async throws

    // MARK: Many at once

    /// The states of tasks as they are now, by their ids; those of which nothing is known are left out.
    func results(of ids: [String]) async throws -> [String: TaskResult]

    /// Gives each watcher the states of its task, as ``watch(_:_:)``, with one subscription for all of them where the
    /// store has such.
    ///
    /// - Throws: ``TransportError``. What goes wrong later is given to the watchers.
    func watch(contentsOf watches: [(id: String, watcher: ResultWatcher)]) async throws

    /// Removes what is known of tasks.
    func forget(contentsOf ids: [String]) async throws

    // MARK: Groups

    /// Keeps which tasks a group has (`GroupResult.save`), for as long as results.
    ///
    /// - Throws: ``TransportError``, `unsupported` when this store keeps none, as by default.
    func saveGroup(_ tree: ResultTree) async throws

    /// The tasks of a group that was saved; `nil` when nothing is known of it.
    ///
    /// - Throws: as ``saveGroup(_:)``; `MessageError` when what is kept cannot be read.
    func group(_ id: String) async throws -> ResultTree?

    /// Removes which tasks a group has. Nothing happens to their results.
    ///
    /// - Throws: as ``saveGroup(_:)``.
    func forgetGroup(_ id: String) async throws

    // MARK: Chords

    /// Whether the result of a task can be read by others than the sender of the task, and more than once; `true` by
    /// default. Without that there are no chords.
    var keepsResults: Bool { get }

    /// Whether this store counts the parts of chords and says who sends the body; by default it does not, and
    /// `celery.chord_unlock` has to be sent for every chord.
    var joinsChords: Bool { get }

    /// Says how many tasks a chord's header has. To be called after the header's tree was saved, if it is nested, and right
    /// before the header's last message is sent; a chord that is sent again under its old id begins anew.
    func openChord(_ group: String, size: Int) async throws

    /// Further tasks are about to be sent for a chord's header (`add_to_chord`).
    ///
    /// - Throws: ``TransportError``, `unsupported` when this store joins no chords.
    func growChord(_ group: String, by count: Int) async throws

    /// Counts parts of chords, all of them in one go. To be called after the tasks' results are stored, and before their
    /// messages are acknowledged. A part that is recorded twice counts once, so what failed may be tried again.
    ///
    /// - Returns: how far its chord is, for each part in the order of `parts`. When several of one chord are recorded and
    ///   it is complete, the last of them has the claim.
    func record(_ parts: [ChordPart]) async -> [Result<ChordProgress, any Error>]

    /// What the header of a complete chord has come to. What the claim's holder then does is one of the following.
    ///
    /// When all have succeeded: ``extend(_:for:)``, then, unless the claim is lost, send the body, then ``end(_:)``; if the body
    /// cannot be sent the chord fails, and ``end(_:)`` follows all the same. When one has failed: fail the body, then
    /// ``fail(_:)``.
    func chordResults(_ claim: ChordClaim) async throws -> ChordResults

    /// Keeps a claim for so long from now on, right before the body is sent. One that has expired meanwhile is taken
    /// again if nobody else has.
    ///
    /// - Parameters:
    ///   - claim: the claim.
    ///   - duration: for as long as it may take to send the body.
    /// - Returns: whether the claim is still held; if not, the body must not be sent.
    func extend(_ claim: ChordClaim, for duration: Duration) async throws -> Bool

    /// The body was sent: forgets the parts, and remembers for a while that the chord has ended, so that repetitions of
    /// parts do nothing.
    ///
    /// - Returns: whether the claim was still held; if not, nothing was forgotten.
    @discardableResult
    func end(_ claim: ChordClaim) async throws -> Bool

    /// A message of a chord's body is about to run: the first copy of it that comes here runs, also if it comes again, and
    /// no other one. That is remembered for as long as the chord's parts would be; it ends when the chord is completed anew.
    ///
    /// - Returns: `false` when another copy of the message is the one that runs; `true` where nobody counts, as by default.
    func begins(_ copy: ChordBodyCopy) async throws -> Bool

    /// The chord has failed: no part that comes later completes it again. What the parts were is kept until it expires.
    func fail(_ claim: ChordClaim) async throws

    /// Waits for what is under way and closes.
    func close() async
}

extension ResultStore {
    /// Does nothing: the store connects when it is first used.
    public func connect() async throws {}

    /// `nil`: any id will do.
    public func takeID() -> String? { nil }

    /// Does nothing.
    public func claim(_ id: String) {}

    /// Does nothing.
    public func addInterest(in id: String, isSent: Bool) {}

    /// Does nothing.
    public func endInterest(in id: String) {}

    /// Asks for one after the other.
    public func results(of ids: [String]) async throws -> [String: TaskResult] {
        var results: [String: TaskResult] = [:]
        for id in ids { results[id] = try await result(of: id) }
        return results
    }

    /// Watches one after the other.
    public func watch(contentsOf watches: [(id: String, watcher: ResultWatcher)]) async throws {
        for (id, watcher) in watches { try await watch(id, watcher) }
    }

    /// Forgets one after the other.
    public func forget(contentsOf ids: [String]) async throws {
        for id in ids { try await forget(id) }
    }

    /// Stores states as ``store(contentsOf:)`` does.
    ///
    /// - Throws: why the first of those that are not stored is not.
    package func store(_ results: [StoredResult]) async throws {
        if let first = await store(contentsOf: results).min(by: { $0.key < $1.key }) { throw first.value }
    }

    /// The states of a task from now on: what is known already, then every change, up to the end of the task.
    ///
    /// - Throws: as ``watch(_:_:)``; what goes wrong later is thrown by the stream.
    public func updates(of id: String) async throws -> AsyncThrowingStream<TaskResult, any Error> {
        let (stream, continuation) = AsyncThrowingStream<TaskResult, any Error>.makeStream()
        let last = Locked<TaskResult?>(nil)
        let watcher = ResultWatcher { update in
            switch update {
            case .success(let result):
                let isKnown = last.withLock { last in
                    defer { last = result }
                    return last == result
                }
                if isKnown { return }
                continuation.yield(result)
                if result.state.isReady { continuation.finish() }
            case .failure(let error): continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in watcher.end() }
        try await watch(id, watcher)
        return stream
    }
}
