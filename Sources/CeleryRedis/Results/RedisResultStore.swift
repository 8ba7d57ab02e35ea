internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Results under `celery-task-meta-<id>`, announced on the channel of the same name.
final class RedisResultStore: ResultStore {
    private struct Link: Sendable {
        let connection: RedisConnection
        let scripts: LoadedScripts
    }

    private let link: Reconnecting<Link>
    private let subscriptions: ResultSubscriptions
    private let keys = KombuKeys()
    private let expires: Int
    private let logger: Logger
    /// What Redis says against announcing results.
    private let refusals = RefusalLog()

    init(_ address: RedisAddress, expires: Int, logger: Logger) {
        self.expires = expires
        self.logger = logger
        let link = Reconnecting {
            let connection = try await RedisConnection.open(address, name: "celery-results", logger: logger)
            return Link(connection: connection, scripts: try await LoadedScripts(on: connection))
        }
        self.link = link
        subscriptions = ResultSubscriptions(address, logger: logger) { id, answer in
            guard let link = link.current else {
                let error = TransportError(.connectionLost, "the connection for results is lost")
                return answer(.failure(error))
            }
            link.connection.submit(Self.question(id)) { replies in
                do {
                    answer(try Self.taskResult(try replies.get().value()).map { .success($0) })
                } catch {
                    answer(.failure(error))
                }
            }
        }
    }

    /// Calls with the connection; one that turns out to be lost is replaced at the next call.
    private func withLink<T: Sendable>(_ body: (Link) async throws -> T) async throws -> T {
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

    private static func question(_ id: String) -> RedisPipeline { RedisPipeline("GET", KombuKeys().result(id)) }

    private static func taskResult(_ reply: RESPValue) throws -> TaskResult? {
        try reply.bytes.map { bytes in try TaskResult(encoded: bytes) }
    }

    func connect() async throws {
        try await withLink { [keys, expires] link in
            let needed = NeededCommands.ofResults(expires: expires)
            var trial = RedisPipeline()
            trial.begin(script: link.scripts[.trial], keys: 1, arguments: needed.count)
            needed.add(key: keys.result("trial"), to: &trial)
            let replies = try await LoadedScripts.send(trial, on: link.connection)
            if let reply = replies.first { try needed.check(reply, of: "EVALSHA") }
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
            try Self.taskResult(try await link.connection.call(Self.question(id)))
        }
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

    func close() async {
        await subscriptions.close()
        await link.close()?.connection.close()
    }
}
