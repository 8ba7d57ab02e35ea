internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// The channels of the results that somebody waits for.
final class ResultSubscriptions: Sendable {
    /// Asks what is stored of a task, which may be nothing; `answer` is called on the connection's thread.
    typealias Question =
        @Sendable (_ id: String, _ answer: @escaping @Sendable (ResultWatcher.Update?) -> Void) -> Void

    /// Asks what is stored of some tasks; `answer` is called for each of them, on the connection's thread.
    typealias JointQuestion =
        @Sendable (_ ids: [String], _ answer: @escaping @Sendable (String, ResultWatcher.Update?) -> Void) -> Void

    /// Channels that nobody waits on any more are left when there are so many: nothing comes on them as a rule, and to
    /// leave each would cost as much as to wait for the next result.
    private static let mostEnded = 64

    private let hub: UpdateHub
    private let connection: Reconnecting<RedisConnection>
    private let ask: Question
    private let questions: DeferredQuestions
    private let joint: JointQuestions
    private let spare: SpareChannels
    /// The tasks that nobody waits for any more, and whose channels are not left yet.
    private let ended = Locked<Set<String>>([])
    private let logger: Logger

    init(
        _ address: RedisAddress, logger: Logger, asking ask: @escaping Question,
        askingMany: @escaping JointQuestion
    ) {
        let hub = UpdateHub()
        self.hub = hub
        self.ask = ask
        self.logger = logger
        let questions = DeferredQuestions(for: hub, asking: ask)
        self.questions = questions
        let joint = JointQuestions { ids in
            let open = ids.filter(hub.isWaiting)
            if open.isEmpty { return }
            askingMany(open) { id, answer in
                if let answer { hub.pass(answer, id: id) }
            }
        }
        self.joint = joint
        let refusals = RefusalLog()
        let spare = SpareChannels()
        self.spare = spare
        connection = Reconnecting {
            let connection = try await RedisConnection.open(
                address, name: "celery-updates", logger: logger,
                onMessages: { Self.take($0, for: hub, questions, joint, spare, refusals, logger) },
                onLoss: { error in
                    questions.clear()
                    joint.clear()
                    spare.clear()
                    hub.fail(error)
                })
            connection.attach(questions)
            return connection
        }
    }

    /// An id for a task that is about to be sent whose states are announced already, if there is one.
    func takeID() -> String? { spare.take { ids in ended.withLock { $0.formUnion(ids) } } }

    /// Gives `watcher` the states of a task from now on, with what is known of it first.
    func watch(_ id: String, _ watcher: ResultWatcher, _ age: ResultWatcher.Age) async throws {
        let (connection, generation) = try await connection.get()
        let isFirst = hub.add(watcher, id: id) { [weak self] in self?.end(id, on: connection) }
        guard isFirst else {
            // The others know already.
            return ask(id) { answer in
                if let answer { watcher.receive(answer) }
            }
        }
        let announced = spare.claim(id)
        if case .some(.some(let update)) = announced { watcher.receive(update) }
        let isSubscribed = announced != nil
        do {
            try connection.subscribe {
                var ids: [String] = []
                // It may have ended in the meantime.
                if !isSubscribed, hub.isWaiting(for: id) {
                    if age != .other { questions.begin(id) }
                    ids.append(id)
                }
                return Self.command("SUBSCRIBE", ids + spare.ask())
            }
            if !isSubscribed, age == .recent { ask(id) { answer in if let answer { watcher.receive(answer) } } }
        } catch {
            self.connection.report(broken: generation)
            watcher.end()
            // Those who came after it rely on its subscription.
            hub.fail(error, id: id)
            throw error
        }
    }

    /// Gives each watcher the states of its task from now on, with what is known of it first: one subscription and one
    /// question for all of them.
    func watch(contentsOf watches: ArraySlice<(id: String, watcher: ResultWatcher)>) async throws {
        let (connection, generation) = try await connection.get()
        var unknown: [String] = []
        for (id, watcher) in watches {
            let isFirst = hub.add(watcher, id: id) { [weak self] in self?.end(id, on: connection) }
            guard isFirst else {
                ask(id) { answer in
                    if let answer { watcher.receive(answer) }
                }
                continue
            }
            guard let announced = spare.claim(id) else {
                unknown.append(id)
                continue
            }
            if let announced { watcher.receive(announced) }
        }
        do {
            try connection.subscribe {
                joint.begin(unknown)
                return Self.command("SUBSCRIBE", unknown)
            }
        } catch {
            self.connection.report(broken: generation)
            for id in unknown { hub.fail(error, id: id) }
            throw error
        }
    }

    func close() async {
        await connection.close()?.close()
        hub.fail(TransportError(.closed, "the result backend was closed"))
    }

    /// Nobody waits for this task any more.
    private func end(_ id: String, on connection: RedisConnection) {
        let areMany = ended.withLock { ended in
            ended.insert(id)
            return ended.count >= Self.mostEnded
        }
        guard areMany else { return }
        do {
            try connection.subscribe { leaveEnded() }
        } catch {
            logger.trace("not unsubscribed", metadata: ["error": "\(error)"])
        }
    }

    /// The command that leaves the channels that nobody waits on, if there are any.
    private func leaveEnded() -> RedisPipeline {
        let ids = ended.withLock { ended in
            defer { ended = [] }
            return ended
        }
        // Somebody may have begun to wait again in the meantime.
        return Self.command("UNSUBSCRIBE", ids.filter { !hub.isWaiting(for: $0) })
    }

    /// A command for the channels of some tasks; none without tasks.
    private static func command(_ name: String, _ ids: some Collection<String>) -> RedisPipeline {
        var pipeline = RedisPipeline()
        if ids.isEmpty { return pipeline }
        pipeline.begin(1 + ids.count)
        pipeline.add(name)
        for id in ids { pipeline.add(KombuKeys().result(id)) }
        return pipeline
    }

    /// Sees to what the server says.
    private static func take(
        _ messages: [RESPValue], for hub: UpdateHub, _ questions: DeferredQuestions, _ joint: JointQuestions,
        _ spare: SpareChannels, _ refusals: RefusalLog, _ logger: Logger
    ) {
        var subscribed: [String] = []
        for message in messages {
            if let refusal = message.refusal {
                refuse(refusal, refusals, hub, logger)
            } else if let (kind, id, content) = parts(message) {
                switch kind {
                case "message":
                    questions.end(id)
                    announce(content, of: id, to: hub, spare, logger)
                case "subscribe":
                    if joint.subscribed(id) {
                        refusals.passed()
                    } else if !spare.subscribed(id) {
                        subscribed.append(id)
                    }
                default: break
                }
            }
        }
        if !subscribed.isEmpty { refusals.passed() }
        // What is stored from here on is announced, what was stored before is found.
        subscribed.forEach(questions.subscribed)
    }

    /// The kind of a message to a subscriber, the task that it is about, and the rest.
    private static func parts(_ message: RESPValue) -> (kind: String?, id: String, content: RESPValue)? {
        let prefix = KombuKeys().result("")
        guard let parts = message.array, parts.count == 3, let channel = parts[1].text, channel.hasPrefix(prefix)
        else { return nil }
        return (parts[0].text, String(channel.dropFirst(prefix.count)), parts[2])
    }

    private static func announce(
        _ content: RESPValue, of id: String, to hub: UpdateHub, _ spare: SpareChannels, _ logger: Logger
    ) {
        // When nobody waits any more its channel may not be left yet. In this order: who begins to wait is known to the hub
        // before it leaves the spare ones.
        guard spare.remembers(id) || hub.isWaiting(for: id), let bytes = content.bytes else { return }
        let update: ResultWatcher.Update
        do {
            update = .success(try TaskResult(encoded: bytes))
        } catch {
            logger.warning(
                "ignored an announced result that cannot be read",
                metadata: ["celery.task.id": "\(id)", "error": "\(error)"])
            update = .failure(error)
        }
        // First, so that who begins to wait meanwhile gets it one way or the other.
        spare.announced(update, size: bytes.count, of: id)
        hub.pass(update, id: id)
    }

    /// The server refuses a subscription, and does not say which: it lets its user have no channels at all, as a rule.
    private static func refuse(
        _ reason: String, _ refusals: RefusalLog, _ hub: UpdateHub, _ logger: Logger
    ) {
        // Each who waits hears of it, the log once.
        if refusals.isNew(reason) {
            logger.error("Redis refuses to announce results", metadata: ["error": "\(reason)"])
        }
        hub.fail(TransportError(.refused, "Redis refuses to announce results: \(reason)"))
    }
}
