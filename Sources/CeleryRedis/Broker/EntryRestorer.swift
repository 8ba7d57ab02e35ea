internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// Puts entries of `unacked` back that somebody has left behind, each in one step and only if there is still reason to.
final class EntryRestorer: Sendable {
    private let link: ConsumerLink
    private let scripts: LoadedScripts
    private let keys: KombuKeys
    private let logger: Logger
    private let refusals = RefusalLog()

    init(link: ConsumerLink, scripts: LoadedScripts, keys: KombuKeys, logger: Logger) {
        self.link = link
        self.scripts = scripts
        self.keys = keys
        self.logger = logger
    }

    /// Puts entries back. One that cannot be goes to the dead letters of `unacked`, once; one that this user may not
    /// put back stays where it is, for others.
    func restore(
        _ left: [LeftEntry], _ reason: PutBack.Reason, _ restoration: inout Restoration
    ) async throws {
        if left.isEmpty { return }
        let contents = left.map { HeldEntry($0.entry) }
        let exchanges = Set(contents.compactMap { $0?.exchange }.filter { !$0.isEmpty })
        let bindings = try await keys.bindings(of: exchanges, on: link.commands)
        var returning: [(left: LeftEntry, putBack: PutBack)] = []
        var unfit: [(left: LeftEntry, why: String)] = []
        for (left, content) in zip(left, contents) {
            switch lists(for: content, bindings) {
            case .success(let lists):
                let message = content?.envelope ?? left.entry
                returning.append((left, PutBack(tag: left.tag, message: message, lists: lists)))
            case .failure(let error) where error.isPassing(afterSuccess: true): throw error
            case .failure(let error) where RefusalKind(error.message).isOfThisUser:
                restoration.stuck += 1
                note(error)
            case .failure(let error): unfit.append((left, error.message))
            }
        }
        let replies = try await put(returning.map(\.putBack), reason)
        for ((left, _), reply) in zip(returning, replies) {
            if let refusal = reply.refusal {
                let kind = RefusalKind(refusal)
                if kind.isPassing || RefusalKind.isOfCommand(refusal) { throw TransportError(refusal: refusal) }
                if kind.isOfThisUser {
                    restoration.stuck += 1
                    note(TransportError(.rejected, refusal))
                } else {
                    unfit.append((left, refusal))
                }
            } else if reply == .integer(1) {
                restoration.count += 1
                restoration.oldest = min(restoration.oldest, left.time)
            }
        }
        try await setAside(unfit, reason, &restoration)
    }

    private func put(_ messages: [PutBack], _ reason: PutBack.Reason) async throws -> [RESPValue] {
        var pipeline = RedisPipeline()
        for message in messages { message.add(to: &pipeline, scripts, keys, .next, reason) }
        return try await LoadedScripts.send(pipeline, on: link.commands)
    }

    /// Moves entries that cannot be restored to where an operator finds them, as they are.
    private func setAside(
        _ unfit: [(left: LeftEntry, why: String)], _ reason: PutBack.Reason, _ restoration: inout Restoration
    ) async throws {
        guard let first = unfit.first else { return }
        let list = keys.deadLetters(keys.unacked)
        let replies = try await put(
            unfit.map { PutBack(tag: $0.left.tag, message: $0.left.entry, lists: [list]) }, reason)
        let refusals = replies.compactMap(\.refusal)
        restoration.stuck += refusals.count
        let moved = replies.count { $0 == .integer(1) }
        restoration.setAside += moved
        if moved > 0 {
            logger.error(
                "held messages cannot be restored and go to the dead letters",
                metadata: ["count": "\(moved)", "list": "\(list)", "error": "\(first.why)"])
        }
        if let refusal = refusals.first { throw TransportError(refusal: refusal) }
    }

    /// The lists that an entry's message goes to.
    private func lists(
        for content: HeldEntry?, _ bindings: [String: Result<[KombuBinding], TransportError>]
    ) -> Result<[String], TransportError> {
        Result { () throws(TransportError) in
            guard let content else { throw TransportError(.rejected, "an entry is not in kombu's form") }
            let known = try bindings[content.exchange]?.get() ?? []
            var queues = KombuBinding.queues(for: content.routingKey, in: known)
            // Nothing is bound there any more: the routing key is the queue's name in all of Celery's own routes.
            if queues.isEmpty { queues = [content.routingKey] }
            for queue in queues { try keys.checkQueue(queue) }
            return queues.map { keys.queue($0, priority: content.priority) }
        }
    }

    // MARK: Log

    /// Says what was restored, and why; `time` in seconds since 1970.
    func log(_ restoration: Restoration, _ reason: String, at time: Double, level: Logger.Level) {
        guard restoration.count + restoration.setAside > 0 else { return }
        refusals.passed()
        guard restoration.count > 0 else { return }
        let age = (max(0, time - restoration.oldest) * 10).rounded() / 10
        logger.log(
            level: level, "restored messages that were held",
            metadata: ["count": "\(restoration.count)", "age": "\(age) s", "reason": "\(reason)"])
    }

    /// Once per reason, until something succeeds.
    func note(_ error: any Error) {
        guard let error = error as? TransportError, error.code != .connectionLost, error.code != .closed else { return }
        guard refusals.isNew(error.message) else { return }
        logger.error(
            "messages that were left behind cannot be restored, trying again", metadata: ["error": "\(error)"])
    }
}
