internal import CeleryTransport
internal import DequeModule

/// What a connection to Redis knows, without input and output: it is told what has happened and says what follows.
///
/// Replies come in the order of the commands; on a subscriber's connection whatever comes while no reply is owed is a
/// message. Once the connection has failed, nothing changes any more.
struct RedisConnectionState {
    /// A group of replies that somebody waits for.
    private struct OwedReplies {
        let command: PendingCommand
        var replies: [RESPValue] = []
        let deadline: ContinuousClock.Instant

        /// The name of the command that is answered next.
        var nextCommandName: String? { command.pipeline.command(replies.count)?.first }
    }

    /// What is to be called, by whoever holds no lock.
    struct Effects {
        var completions: [(completion: PendingCommand.Completion, result: Result<[RESPValue], TransportError>)] = []
        var messages: [RESPValue] = []
        /// The connection is over, for this reason.
        var loss: TransportError?
    }

    /// What a caller does who has submitted commands.
    enum Submission: Equatable {
        /// The connection was idle: write at once.
        case write
        /// The first of a batch: the connection's thread is to write.
        case wake
        /// Somebody writes at the moment, or will, and looks for more.
        case leave
    }

    /// The server is there and says that it cannot serve anybody yet, or no more: no connection is lost, another one is
    /// made.
    struct Unreadiness: Error {}

    private let name: String
    private let isSubscriber: Bool
    private let replyTimeout: Duration
    private let checkInterval: Duration
    private var output = OutputBuffer()
    private var isWriting = false
    private var owed = Deque<OwedReplies>()
    /// When the last answers must be there, once the connection is being closed.
    private var goodbye: ContinuousClock.Instant?
    private var hasUnansweredPing = false
    private var nextPing: ContinuousClock.Instant?
    /// Why the connection is over.
    private(set) var failure: TransportError?

    /// - Parameters:
    ///   - name: of the server, in errors.
    ///   - isSubscriber: whether what comes unasked are messages. Such a connection is checked by a PING.
    ///   - replyTimeout: after so long without an answer the server counts as gone.
    ///   - checkInterval: how often a subscriber's connection is checked.
    init(name: String, isSubscriber: Bool, replyTimeout: Duration, checkInterval: Duration) {
        self.name = name
        self.isSubscriber = isSubscriber
        self.replyTimeout = replyTimeout
        self.checkInterval = checkInterval
    }

    /// Whether something waits to be written, by nobody yet.
    var hasOutput: Bool { !output.isEmpty && !isWriting }

    /// When ``check(at:)`` is due.
    var nextDeadline: ContinuousClock.Instant? {
        guard failure == nil else { return nil }
        return [answerDue, nextPing].compactMap { $0 }.min()
    }

    /// When the next answer must be there; whoever asked first is answered first.
    private var answerDue: ContinuousClock.Instant? {
        guard let due = owed.first?.deadline else { return nil }
        return min(due, goodbye ?? due)
    }

    // MARK: From callers

    /// The connection is made.
    mutating func opened(at now: ContinuousClock.Instant) {
        if isSubscriber { nextPing = now + checkInterval }
    }

    /// Somebody has commands; `nil` when the connection is over, and why is in ``failure``.
    mutating func submit(_ command: PendingCommand, at now: ContinuousClock.Instant) -> Submission? {
        guard failure == nil else { return nil }
        let isFirst = output.isEmpty && !isWriting
        let isIdle = isFirst && owed.isEmpty
        output.append(command.pipeline.bytes)
        owed.append(OwedReplies(command: command, deadline: now + replyTimeout))
        return isIdle ? .write : isFirst ? .wake : .leave
    }

    /// A subscriber has commands, to which the answers are messages; whether there is a connection.
    mutating func submitUnanswered(_ pipeline: RedisPipeline) -> Bool {
        if failure == nil { output.append(pipeline.bytes) }
        return failure == nil
    }

    /// The connection is being closed: answers are waited for until then.
    mutating func sayGoodbye(until deadline: ContinuousClock.Instant) { goodbye = deadline }

    /// Ends the connection.
    mutating func close() -> Effects {
        var effects = Effects()
        fail(TransportError(.closed, "the connection was closed"), &effects)
        return effects
    }

    /// The connection is lost, or no longer worth waiting for.
    mutating func lose(_ reason: String, _ underlyingError: (any Error)? = nil) -> Effects {
        var effects = Effects()
        lose(reason, underlyingError, &effects)
        return effects
    }

    /// The server says that it cannot serve anybody, or not for now: another connection may find another one there.
    mutating func refuse(_ refusal: String) -> Effects {
        var effects = Effects()
        refuse(refusal, nil, &effects)
        return effects
    }

    // MARK: Writing

    /// Takes out what is to be written next, with the number of its bytes that are written already; one at a time, who
    /// then says how far it got.
    mutating func takeOutput() -> (bytes: [UInt8], position: Int)? {
        guard failure == nil, hasOutput else { return nil }
        isWriting = true
        return output.take()
    }

    /// What was taken is written up to there. Whether there may be more to write at once.
    mutating func wrote(_ bytes: [UInt8], upTo position: Int) -> Bool {
        isWriting = false
        guard failure == nil else { return false }
        if position < bytes.count { output.giveBack(bytes, position: position) }
        return position >= bytes.count
    }

    /// Writing has failed.
    mutating func writingFailed(_ error: any Error) -> Effects {
        isWriting = false
        return lose("\(error)", error)
    }

    // MARK: Reading and time

    /// Replies or messages have come.
    mutating func received(_ values: [RESPValue]) -> Effects {
        var effects = Effects()
        for value in values where failure == nil { take(value, &effects) }
        return effects
    }

    private mutating func take(_ value: RESPValue, _ effects: inout Effects) {
        if isSubscriber, owed.isEmpty {
            hasUnansweredPing = false
            return effects.messages.append(value)
        }
        if case .error(let message) = value, RefusalKind(message).isOfThisServer || RefusalKind.isServerFull(message) {
            let command = RefusalKind.isServerFull(message) ? nil : owed.first?.nextCommandName
            return refuse(message, command, &effects)
        }
        guard var next = owed.popFirst() else {
            return lose("it sent a reply that nobody asked for", nil, &effects)
        }
        if case .error(let message) = value {
            next.replies.append(.error(next.command.pipeline.naming(message, ofCommand: next.replies.count)))
        } else {
            next.replies.append(value)
        }
        if next.replies.count < next.command.pipeline.count {
            owed.prepend(next)
        } else {
            effects.completions.append((next.command.completion, .success(next.replies)))
        }
    }

    /// Time has passed.
    mutating func check(at now: ContinuousClock.Instant) -> Effects {
        var effects = Effects()
        guard failure == nil else { return effects }
        if let due = answerDue, due <= now {
            lose("it does not answer", nil, &effects)
        } else if let due = nextPing, due <= now {
            if hasUnansweredPing {
                lose("it does not answer", nil, &effects)
            } else {
                hasUnansweredPing = true
                nextPing = now + checkInterval
                output.append(RedisPipeline("PING").bytes)
            }
        }
        return effects
    }

    // MARK: The end

    private mutating func lose(_ reason: String, _ underlyingError: (any Error)?, _ effects: inout Effects) {
        let error = TransportError(
            .connectionLost, "the connection to \(name) is lost: \(reason)", underlyingError: underlyingError)
        fail(error, &effects)
    }

    private mutating func refuse(_ refusal: String, _ command: String?, _ effects: inout Effects) {
        let what = command.map { " \($0)" } ?? ""
        fail(
            TransportError(.connectionLost, "\(name) refuses\(what): \(refusal)", underlyingError: Unreadiness()),
            &effects)
    }

    private mutating func fail(_ error: TransportError, _ effects: inout Effects) {
        guard failure == nil else { return }
        failure = error
        output.removeAll()
        for entry in owed { effects.completions.append((entry.command.completion, .failure(error))) }
        owed.removeAll()
        effects.loss = error
    }
}
