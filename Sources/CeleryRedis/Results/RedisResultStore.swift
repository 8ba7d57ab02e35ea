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
                onPush: { message in Self.pass(message, to: hub, link, logger) },
                onLoss: { hub.fail($0) }
            )
        }
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
            // Only now: what is stored from here on is announced, what was stored before is found. Not a child of
            // anything, because it answers the server.
            Task {
                do {
                    if let known = try await result(of: id, link) { hub.yield(known, id: id) }
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
            let reply = try await link.connection.call(RedisPipeline("GET", KombuKeys().result(id)))
            return try reply.bytes.map { bytes in try TaskResult(encoded: bytes) }
        }
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
                link.scripts.begin(.storeResult, keys: 1, arguments: 2, in: &pipeline)
                pipeline.add(keys.result(stored.result.id))
                pipeline.add(stored.result.encoded())
                pipeline.add(String(expires))
            }
            _ = try await LoadedScripts.call(pipeline, on: link.connection)
        }
    }

    func result(of id: String) async throws -> TaskResult? {
        try await Self.result(of: id, link)
    }

    func updates(of id: String) async throws -> AsyncThrowingStream<TaskResult, any Error> {
        let (connection, generation) = try await subscriptions.get()
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
        await link.close()?.connection.close()
        await subscriptions.close()?.close()
        hub.fail(TransportError(.closed, "the result backend was closed"))
    }
}
