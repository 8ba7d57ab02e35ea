internal import CeleryProtocol
internal import Logging

/// One line of the log about one message. What others have written, names and reasons, is cut so that all of it together
/// stays short, however much has gone wrong.
struct ReportLine: Sendable {
    /// So many bytes of what others have written are in a line, about.
    static let limit = 300
    /// As many where the message's receipt is a line as well.
    static let limitAfterReceipt = 220
    /// As many in one of two lines about the same message.
    static let halfLimit = 150
    /// A UUID is shown whole.
    private static let idLimit = 48
    /// Names of tasks hold the paths of their modules.
    private static let nameLimit = 80
    /// A reason is worth showing from this length on.
    private static let shortestReason = 24
    /// What is cut says how much is missing.
    private static let cutMark = 20

    let level: Logger.Level
    private(set) var text: String
    private(set) var metadata: Logger.Metadata = [:]
    private var room: Int

    /// - Parameters:
    ///   - ending: `nil` for a task whose end the log has told; there are problems then.
    ///   - problems: one of each kind.
    init(
        _ label: TaskLabel, _ ending: MessageReport.Ending?, _ problems: [FinishingProblem], limit: Int = Self.limit
    ) {
        room = limit
        let problems = problems.sorted { $0.kind.rawValue < $1.kind.rawValue }
        level = ending?.level ?? .error
        let shown = label.shown(idLimit: Self.idLimit, nameLimit: Self.nameLimit)
        let what = ending.map { " " + $0.text } ?? ": " + (problems.first?.kind.text ?? "something is wrong")
        text = shown.subject + what
        metadata = LoggingKeys.task(shown)
        room -= (shown.id?.utf8.count ?? 0) + (shown.name?.utf8.count ?? 0)
        if let ending { metadata.merge(ending.details) { $1 } }
        var reasons: [(key: String, begin: String, error: any Error)] = []
        if let ending { reasons += ending.reason.map { [(LoggingKeys.error, "", $0)] } ?? [] }
        for problem in problems.dropFirst(ending == nil ? 1 : 0) {
            let count = problem.count > 1 ? "\(problem.count) " : ""
            reasons.append((problem.kind.key, "\(count)\(problem.kind.fault)", problem.error))
        }
        if ending == nil, let first = problems.first {
            reasons.insert((LoggingKeys.error, "", first.error), at: 0)
            if first.count > 1 { metadata["count"] = "\(first.count)" }
            if let state = first.state { metadata[LoggingKeys.state] = "\(state)" }
            if first.resultID != label.id { addResult(first.resultID) }
        }
        for (index, reason) in reasons.enumerated() {
            add(reason.key, reason.begin, reason.error, share: room / (reasons.count - index))
        }
        if let reason = metadata[LoggingKeys.error] { text += ": \(reason)" }
    }

    private mutating func addResult(_ id: String?) {
        guard let id else { return }
        let shown = LogText(id, limit: Self.idLimit).description
        metadata["result"] = .string(shown)
        room -= shown.utf8.count
    }

    /// Where there is no room for a reason the beginning stands alone.
    private mutating func add(_ key: String, _ begin: String, _ error: any Error, share: Int) {
        let limit = share - key.utf8.count - begin.utf8.count - Self.cutMark
        var parts = begin.isEmpty ? [] : [begin]
        if begin.isEmpty || limit >= Self.shortestReason {
            parts.append(LogText(error, limit: max(limit, Self.shortestReason)).description)
        }
        let shown = parts.joined(separator: ": ")
        metadata[key] = .string(shown)
        room -= key.utf8.count + shown.utf8.count
    }
}

extension FinishingProblem.Kind {
    /// The text of a line about it alone.
    fileprivate var text: String {
        switch self {
        case .failure: "it has failed"
        case .retry: "its next try could not be sent"
        case .successor: "what follows it could not be sent"
        case .chord: "the body of its chord could not be sent"
        case .chordBody: "the body of a chord runs, though it may have run before"
        case .chordPart: "its part of a chord is not counted"
        case .unstoredResult: "its result is not stored"
        case .refusedResult: "its result is refused by the backend"
        case .errback: "its errback could not be told"
        }
    }

    /// The key of its reason in a line about something graver.
    fileprivate var key: String {
        switch self {
        case .failure: "failure"
        case .retry: "retry"
        case .successor: "successor"
        case .chord: "chord"
        case .chordBody: "chord_body"
        case .chordPart: "chord_part"
        case .unstoredResult: "unstored_result"
        case .refusedResult: "refused_result"
        case .errback: "errback"
        }
    }

    /// What is wrong, in a line about something graver.
    fileprivate var fault: String {
        switch self {
        case .failure: "failed"
        case .retry, .successor, .errback, .chord: "not sent"
        case .chordBody: "not known to be new"
        case .chordPart: "not counted"
        case .unstoredResult: "not stored"
        case .refusedResult: "refused"
        }
    }
}
