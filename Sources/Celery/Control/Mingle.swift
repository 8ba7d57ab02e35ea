internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Asks the other workers, when this one comes, which tasks are not to run, and tells them what it knows (Celery's mingle).
struct Mingle: Sendable {
    /// How long others have to answer, as in Celery.
    static let longestWait = Duration.seconds(1)
    /// Nobody knows how many there are: after so long without a reply tasks may start. What comes later counts all the same.
    /// A worker of Python answers within 15 ms, a busy one within 100.
    static let quietTime = Duration.milliseconds(250)

    let control: ControlClient
    let name: String
    let clock: LogicalClock
    let revoked: RevokedTasks
    let logger: Logger

    /// When a reply has come last, or the question was sent.
    private final class LastSign: Sendable {
        private let state = Locked((time: ContinuousClock.Instant?.none, isOver: false))

        func note() { state.withLock { $0.time = .now } }

        /// Nothing comes any more.
        func end() { state.withLock { $0.isOver = true } }

        /// Until when to wait; `nil` for no longer.
        var deadline: ContinuousClock.Instant? {
            state.withLock { $0.isOver ? nil : ($0.time ?? .now) + Mingle.quietTime }
        }
    }

    /// Asks, and waits until replies have ceased to come, at most for ``longestWait``; they are heard on after that.
    ///
    /// - Parameter endRevoked: what waits here and was revoked is to end now.
    func run(_ endRevoked: @escaping @Sendable () -> Void) async {
        let (sign, end) = (LastSign(), ContinuousClock.now + Self.longestWait)
        let asking = Task { await ask(sign, endRevoked) }
        await withTaskCancellationHandler {
            while true {
                guard let deadline = sign.deadline else { return }
                let next = min(deadline, end)
                if next <= .now { return }
                do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            }
        } onCancel: {
            asking.cancel()
        }
    }

    private func ask(_ sign: LastSign, _ endRevoked: @Sendable () -> Void) async {
        var count = 0
        defer { sign.end() }
        do {
            try await control.ask(
                "hello",
                arguments: [
                    "from_node": .string(name), "revoked": .array(revoked.ids.map(JSONValue.string)),
                ], timeout: Self.longestWait, onAsked: { sign.note() }
            ) { reply in
                sign.note()
                let before = revoked.changes
                if reply.node != name, merge(reply.value) { count += 1 }
                if revoked.changes != before { endRevoked() }
            }
        } catch {
            logger.debug("mingle: the others cannot be asked", metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
        }
        if count > 0 {
            logger.info("mingle: in step with \(count) other worker\(count == 1 ? "" : "s")")
        } else {
            logger.debug("mingle: all alone")
        }
    }

    /// Takes over what another worker says; whether it has said anything.
    func merge(_ reply: JSONValue) -> Bool {
        guard let reply = reply.objectValue, reply["error"] == nil else { return false }
        clock.adjust(reply["clock"]?.integerValue ?? 0)
        let ids = Self.ids(in: reply["revoked"])
        if !ids.isEmpty { revoked.add(ids) }
        return true
    }

    /// The ids of revoked tasks: Python's worker sends a list, older ones a table of times.
    static func ids(in value: JSONValue?) -> [String] {
        value?.arrayValue?.compactMap(\.text) ?? value?.objectValue?.map(\.key) ?? []
    }
}
