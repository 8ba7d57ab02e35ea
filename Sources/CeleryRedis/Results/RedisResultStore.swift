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
    private let subscriptions: Reconnecting<RedisConnection>
    private let hub: UpdateHub
    private let keys = KombuKeys()
    private let expires: Int
    private let logger: Logger

    init(_ address: RedisAddress, expires: Int, logger: Logger) {
        self.expires = expires
        self.logger = logger
        let hub = UpdateHub()
        let link = Reconnecting {
            let connection = try await RedisConnection.open(address, name: "celery-results", logger: logger)
            return Link(connection: connection, scripts: try await LoadedScripts(on: connection))
        }
        self.hub = hub
        self.link = link
        subscriptions = Reconnecting {
            try await RedisConnection.open(
                address,
                name: "celery-updates",
                logger: logger,
                onPush: { message in
                    if let refusal = message.refusal { return Self.refuse(refusal, hub, logger) }
                    Self.pass(message, to: hub, link, logger)
                },
                onLoss: { hub.fail($0) }
            )
        }
    }

    /// The server refuses a subscription, and does not say which: it lets its user have no channels at all, as a rule.
    private static func refuse(_ reason: String, _ hub: UpdateHub, _ logger: Logger) {
        logger.error("Redis refuses to announce results", metadata: ["error": "\(reason)"])
        hub.fail(TransportError(.refused, "Redis refuses to announce results: \(reason)"))
    }

    /// Passes on what the server says to a subscriber.
    private static func pass(
        _ message: RESPValue, to hub: UpdateHub, _ link: Reconnecting<Link>, _ logger: Logger
    ) {
        let prefix = KombuKeys().result("")
        guard let parts = message.array, parts.count == 3, let channel = parts[1].text, channel.hasPrefix(prefix)
        else { return }
        let id = String(channel.dropFirst(prefix.count))
        switch parts[0].text {
        case "message":
            guard let bytes = parts[2].bytes else { return }
            do {
                hub.yield(try TaskResult(encoded: bytes), id: id)
            } catch {
                logger.warning(
                    "ignored an announced result that cannot be read",
                    metadata: ["celery.task.id": "\(id)", "error": "\(error)"])
                hub.fail(error, id: id)
            }
        case "subscribe":
            // Only now: what is stored from here on is announced, what was stored before is found.
            guard let link = link.current else {
                return hub.fail(TransportError(.connectionLost, "the connection for results is lost"), id: id)
            }
            link.connection.submit(RedisPipeline("GET", channel)) { replies in
                do {
                    if let known = try taskResult(try replies.get().value()) { hub.yield(known, id: id) }
                } catch {
                    hub.fail(error, id: id)
                }
            }
        default: break
        }
    }

    /// Calls with the connection; one that turns out to be lost is replaced at the next call.
    private static func with<T: Sendable>(
        _ link: Reconnecting<Link>, _ body: (Link) async throws -> T
    ) async throws -> T {
        let (current, generation) = try await link.get()
        do {
            return try await body(current)
        } catch let error as TransportError where error.code == .connectionLost {
            link.report(broken: generation)
            throw error
        }
    }

    private static func result(of id: String, _ link: Reconnecting<Link>) async throws -> TaskResult? {
        try await with(link) { link in
            try taskResult(try await link.connection.call(RedisPipeline("GET", KombuKeys().result(id))))
        }
    }

    private static func taskResult(_ reply: RESPValue) throws -> TaskResult? {
        try reply.bytes.map { bytes in try TaskResult(encoded: bytes) }
    }

    func connect() async throws {
        _ = try await link.get()
    }

    func prepare() async throws {
        try await connect()
    }

    func store(_ results: [StoredResult]) async throws {
        try await Self.with(link) { link in
            var pipeline = RedisPipeline()
            for stored in results {
                pipeline.begin(script: link.scripts.storeResult, keys: 1, arguments: 2)
                pipeline.add(keys.result(stored.result.id))
                pipeline.add(stored.result.encoded())
                pipeline.add(String(expires))
            }
            try check(try await LoadedScripts.send(pipeline, on: link.connection), of: results)
        }
    }

    /// Throws when the results have to be stored again, or when none can be stored. A result whose own key is unusable
    /// is none the better for being stored again.
    private func check(_ replies: [RESPValue], of results: [StoredResult]) throws {
        var refusal: String?
        for (reply, stored) in zip(replies, results) {
            guard let message = reply.refusal else { continue }
            let kind = RefusalKind(message)
            if kind == "WRONGTYPE" {
                logger.error(
                    "Redis has something else in the place of a result",
                    metadata: ["celery.task.id": "\(stored.result.id)", "error": "\(message)"])
            } else if kind.isPassing {
                throw TransportError(.unreachable, "Redis takes no results at the moment: \(message)")
            } else {
                refusal = refusal ?? message
            }
        }
        if let refusal { throw TransportError(.rejected, "Redis refuses: \(refusal)") }
    }

    func result(of id: String) async throws -> TaskResult? {
        try await Self.result(of: id, link)
    }

    func updates(of id: String) async throws -> AsyncThrowingStream<TaskResult, any Error> {
        let (connection, generation) = try await subscriptions.get()
        // The server's answer to the subscription is followed by a question over this one.
        _ = try await link.get()
        let channel = keys.result(id)
        let (stream, continuation, isFirst) = hub.stream(of: id) { [hub, logger] in
            do {
                // Somebody else may have begun to wait in the meantime.
                try connection.subscribe(RedisPipeline("UNSUBSCRIBE", channel)) { !hub.isWaiting(for: id) }
            } catch {
                logger.trace("not unsubscribed", metadata: ["error": "\(error)"])
            }
        }
        do {
            if isFirst {
                try connection.subscribe(RedisPipeline("SUBSCRIBE", channel))
            } else if let known = try await result(of: id) {
                continuation.yield(known)
                if known.state.isReady { continuation.finish() }
            }
        } catch {
            subscriptions.report(broken: generation)
            continuation.finish(throwing: error)
            throw error
        }
        return stream
    }

    func forget(_ id: String) async throws {
        try await Self.with(link) { link in _ = try await link.connection.call(RedisPipeline("DEL", keys.result(id))) }
    }

    func close() async {
        await subscriptions.close()?.close()
        await link.close()?.connection.close()
        hub.fail(TransportError(.closed, "the result backend was closed"))
    }
}
