internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Results under `celery-task-meta-<id>`, announced on the channel of the same name.
final class RedisResultStore: ResultStore {
    struct Link: Sendable {
        let connection: RedisConnection
        let scripts: LoadedScripts
    }

    /// As many tasks are asked for, or waited for, with one command.
    private static let largestQuestion = 500

    private let link: Reconnecting<Link>
    private let subscriptions: ResultSubscriptions
    let keys = KombuKeys()
    /// In seconds; 0 for never.
    let expires: Int
    let chords: ChordOptions
    private let logger: Logger
    /// What Redis says against announcing results.
    private let refusals = RefusalLog()

    init(_ address: RedisAddress, expires: Int, chords: ChordOptions, logger: Logger) {
        self.expires = expires
        self.chords = chords
        self.logger = logger
        let link = Reconnecting {
            let connection = try await RedisConnection.open(address, name: "celery-results", logger: logger)
            return Link(connection: connection, scripts: try await LoadedScripts(on: connection))
        }
        self.link = link
        subscriptions = ResultSubscriptions(
            address, logger: logger,
            asking: { id, answer in Self.ask([id], over: link) { _, update in answer(update) } },
            askingMany: { ids, answer in Self.ask(ids, over: link, answer) })
    }

    /// Asks what is stored of some tasks; `answer` is called for each of them, on the connection's thread.
    private static func ask(
        _ ids: [String], over link: Reconnecting<Link>,
        _ answer: @escaping @Sendable (_ id: String, ResultWatcher.Update?) -> Void
    ) {
        guard let link = link.current else {
            let error = TransportError(.connectionLost, "the connection for results is lost")
            return ids.forEach { answer($0, .failure(error)) }
        }
        link.connection.submit(question(ids)) { replies in
            do {
                let value = try replies.get().value()
                for (id, reply) in zip(ids, ids.count == 1 ? [value] : value.array ?? []) {
                    do {
                        answer(id, try taskResult(reply).map { .success($0) })
                    } catch {
                        answer(id, .failure(error))
                    }
                }
            } catch {
                ids.forEach { answer($0, .failure(error)) }
            }
        }
    }

    /// Calls with the connection; one that turns out to be lost is replaced at the next call.
    func withLink<T: Sendable>(_ body: (Link) async throws -> T) async throws -> T {
        var (current, generation) = try await link.get()
        // A server may end connections that are idle: nothing was sent over this one, nothing is lost.
        if !current.connection.isOpen {
            link.report(broken: generation)
            (current, generation) = try await link.get()
        }
        do {
            return try await body(current)
        } catch let error as TransportError where error.code == .connectionLost {
            link.report(broken: generation)
            throw error
        }
    }

    private static func question(_ ids: [String]) -> RedisPipeline {
        var pipeline = RedisPipeline()
        pipeline.begin(1 + ids.count)
        pipeline.add(ids.count == 1 ? "GET" : "MGET")
        for id in ids { pipeline.add(KombuKeys().result(id)) }
        return pipeline
    }

    private static func taskResult(_ reply: RESPValue) throws -> TaskResult? {
        try reply.bytes.map { bytes in try TaskResult(encoded: bytes) }
    }

    func connect() async throws {
        try await withLink { link in
            let needed = NeededCommands.ofResults(expires: expires)
            let neededByChords = NeededCommands.ofChords(isOrdered: chords.isOrdered)
            var trial = RedisPipeline()
            trial.begin(script: link.scripts[.trial], keys: 1, arguments: needed.count)
            needed.add(key: keys.result("trial"), to: &trial)
            trial.begin(script: link.scripts[.trial], keys: 1, arguments: neededByChords.count)
            neededByChords.add(key: keys.group("trial"), to: &trial)
            let replies = try await LoadedScripts.send(trial, on: link.connection)
            if let reply = replies.first { try needed.check(reply, of: "EVALSHA") }
            if let reply = replies.last { try checkChords(reply, neededByChords) }
        }
    }

    /// A user that may not join chords can still store the results of all other tasks.
    private func checkChords(_ reply: RESPValue, _ needed: NeededCommands) throws {
        do {
            try needed.check(reply, of: "EVALSHA")
        } catch {
            guard error.code == .refused else { throw error }
            logger.notice("the members of chords cannot be counted", metadata: ["error": "\(error)"])
        }
    }

    func prepare() async throws {
        _ = try await link.get()
    }

    func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
        do {
            return try await withLink { link in
                // Of those that Redis owes something it serves the latest first. Owing us an answer already, it tells
                // those who wait for the results before us: they are waiting for nothing else.
                var pipeline = RedisPipeline("PING")
                for stored in results {
                    pipeline.begin(script: link.scripts[.storeResult], keys: 1, arguments: 2)
                    pipeline.add(keys.result(stored.result.id))
                    pipeline.add(stored.result.encoded())
                    pipeline.add(String(expires))
                }
                return failures(try await LoadedScripts.send(pipeline, on: link.connection).dropFirst())
            }
        } catch {
            // It is not known which of them are stored; storing one again does no harm.
            return Dictionary(uniqueKeysWithValues: results.indices.map { ($0, error) })
        }
    }

    private func failures(_ replies: ArraySlice<RESPValue>) -> [Int: any Error] {
        var failures: [Int: any Error] = [:]
        for (position, reply) in replies.enumerated() {
            if case .bulk(let reason) = reply { noteUnannounced(String(decoding: reason, as: UTF8.self)) }
            if reply == .integer(1) { refusals.passed() }
            guard let message = reply.refusal else { continue }
            failures[position] = TransportError(refusal: message, of: "Redis refuses the result")
        }
        return failures
    }

    /// A result is stored, and those who wait for it are not told. Said once per reason.
    private func noteUnannounced(_ reason: String) {
        guard refusals.isNew(reason) else { return }
        logger.error(
            "Redis stores results and refuses to announce them: those who wait for them are not told",
            metadata: ["error": "\(reason)"])
    }

    func result(of id: String) async throws -> TaskResult? {
        try await withLink { link in
            try Self.taskResult(try await link.connection.call(Self.question([id])))
        }
    }

    func results(of ids: [String]) async throws -> [String: TaskResult] {
        var results: [String: TaskResult] = [:]
        for start in stride(from: 0, to: ids.count, by: Self.largestQuestion) {
            let some = Array(ids[start..<min(start + Self.largestQuestion, ids.count)])
            let reply = try await withLink { link in try await link.connection.call(Self.question(some)) }
            for (id, reply) in zip(some, some.count == 1 ? [reply] : reply.array ?? []) {
                results[id] = try Self.taskResult(reply)
            }
        }
        return results
    }

    func takeID() -> String? { subscriptions.takeID() }

    func watch(_ id: String, _ watcher: ResultWatcher) async throws {
        // What is known is asked for over this one.
        try await withLink { _ in }
        let age = watcher.age
        // Cheaper than a subscription, and enough when the task has ended.
        if age == .other, try await tellEnd(of: id, watcher) { return }
        try await subscriptions.watch(id, watcher, age)
    }

    func watch(contentsOf watches: [(id: String, watcher: ResultWatcher)]) async throws {
        if watches.count == 1 { return try await watch(watches[0].id, watches[0].watcher) }
        try await withLink { _ in }
        for start in stride(from: 0, to: watches.count, by: Self.largestQuestion) {
            let some = watches[start..<min(start + Self.largestQuestion, watches.count)]
            try await subscriptions.watch(contentsOf: some)
        }
    }

    /// Gives the watcher the end of a task, if that is what is stored; whether it was, or cannot be read.
    private func tellEnd(of id: String, _ watcher: ResultWatcher) async throws -> Bool {
        do {
            guard let known = try await result(of: id), known.state.isReady else { return false }
            watcher.receive(.success(known))
        } catch let error as MessageError {
            watcher.receive(.failure(error))
        }
        return true
    }

    func forget(_ id: String) async throws {
        try await withLink { link in _ = try await link.connection.call(RedisPipeline("DEL", keys.result(id))) }
    }

    func forget(contentsOf ids: [String]) async throws {
        for start in stride(from: 0, to: ids.count, by: Self.largestQuestion) {
            let some = ids[start..<min(start + Self.largestQuestion, ids.count)]
            var pipeline = RedisPipeline()
            pipeline.begin(1 + some.count)
            pipeline.add("DEL")
            for id in some { pipeline.add(keys.result(id)) }
            try await withLink { [pipeline] link in _ = try await link.connection.call(pipeline) }
        }
    }

    func close() async {
        await subscriptions.close()
        await link.close()?.connection.close()
    }
}
