internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A task that follows another one: a callback, an errback or the next step of a chain, as Celery's signature in the
/// message of the task before it.
///
/// Only plain tasks are built. Groups, chords and chains within chains, and members of chords, are refused before they
/// run, so that a workflow never stops in silence.
struct Successor: Sendable {
    let task: String
    let id: String
    private let args: [JSONValue]
    private let kwargs: JSONObject
    private let options: JSONObject
    private let isImmutable: Bool

    /// Reads a signature.
    init(_ signature: JSONValue) throws(MessageError) {
        guard case .object(let fields) = signature, let task = fields["task"]?.text else {
            throw MessageError(.invalidTask, "what is to follow the task is no signature")
        }
        guard fields["subtask_type"]?.isNull ?? true, !Self.composites.contains(task) else {
            throw MessageError(
                .invalidTask,
                "\(PythonRepr.quoted(task)) cannot follow a task here: groups and chords are not built yet")
        }
        self.task = task
        args = fields["args"]?.arrayValue ?? []
        kwargs = fields["kwargs"]?.objectValue ?? [:]
        options = fields["options"]?.objectValue ?? [:]
        isImmutable = fields["immutable"]?.isTruthy ?? false
        id = try options["task_id"]?.id(named: "task_id") ?? RandomID.make()
        for key in ["root_id", "parent_id", "group_id", "reply_to"] { _ = try options[key]?.id(named: key) }
        guard !(options["chord"]?.isTruthy ?? false) else {
            throw MessageError(.invalidTask, "\(PythonRepr.quoted(task)) belongs to a chord: chords are not built yet")
        }
    }

    private static let composites: Set = ["celery.chain", "celery.group", "celery.chord"]

    /// The message that follows `parent`.
    ///
    /// - Parameters:
    ///   - input: what goes before the signature's own arguments, unless it is immutable.
    ///   - rest: the steps of the chain after this one; `nil` outside of the chain.
    ///   - group: the group that several callbacks make up, and the position in it.
    func message(
        after parent: TaskRequest, input: JSONValue, rest: [JSONValue]?, group: (id: String, index: Int)?,
        publisher: TaskPublisher
    ) throws -> (message: Message, destination: Destination) {
        var payload = TaskPayload(args: isImmutable ? args : [input] + args, kwargs: kwargs)
        payload.chain = rest ?? options["chain"]?.arrayValue
        payload.callbacks = Self.list(options["link"])
        payload.errbacks = Self.list(options["link_error"])
        var request = TaskRequest(task: task, id: id)
        request.rootID = options["root_id"]?.text ?? parent.rootID ?? parent.id
        request.parentID = options["parent_id"]?.text ?? parent.id
        request.group = group?.id ?? options["group_id"]?.text
        request.groupIndex = group?.index ?? options["group_index"]?.integerValue
        request.shadow = options["shadow"]?.text
        request.retries = options["retries"]?.retryCount ?? 0
        request.writtenTimeLimit = options["time_limit"] ?? .null
        request.writtenSoftTimeLimit = options["soft_time_limit"] ?? .null
        request.ignoreResult = options["ignore_result"]?.boolValue
        request.replacedTaskNesting = options["replaced_task_nesting"]?.integerValue ?? 0
        request.headers = options["headers"]?.objectValue ?? [:]
        let stamped = options["stamped_headers"]?.arrayValue ?? []
        if !stamped.isEmpty { request.stampedHeaders = .array(stamped) }
        for name in stamped.compactMap(\.text) { request.stamps[name] = options[name] ?? .null }
        var send = SendOptions(
            countdown: try Self.duration("countdown", options["countdown"]),
            queue: options["queue"]?.text ?? options["queue"]?.objectValue?["name"]?.text,
            exchange: options["exchange"]?.text,
            routingKey: options["routing_key"]?.text,
            priority: options["priority"]?.integerValue
        )
        send.eta = try send.eta ?? Self.time("eta", options["eta"])
        if let expires = options["expires"], expires.doubleValue != nil {
            send.expires = try Self.duration("expires", expires).map { .after($0) }
        } else {
            send.expires = try Self.time("expires", options["expires"])
        }
        return try publisher.message(
            request, payload, send, replyTo: options["reply_to"]?.text ?? parent.replyTo)
    }

    private static func list(_ value: JSONValue?) -> [JSONValue] {
        switch value {
        case nil, .null?: []
        case .array(let values)?: values
        case let value?: [value]
        }
    }

    /// A number of seconds, or none.
    private static func duration(_ name: String, _ value: JSONValue?) throws(MessageError) -> Duration? {
        guard let value, !value.isNull else { return nil }
        guard let duration = value.doubleValue.flatMap(Duration.init(seconds:)) else { throw invalid(name, value) }
        return duration
    }

    /// A time, as kombu writes a `datetime` or as its text, or none.
    private static func time(_ name: String, _ value: JSONValue?) throws(MessageError) -> SendOptions.Time? {
        guard let value, !value.isNull else { return nil }
        do {
            return .at(try JSONValueDecoder().decode(Date.self, from: value))
        } catch {
            throw invalid(name, value)
        }
    }

    /// Left out it would be worse than an error: the task would run at once, or for ever after.
    private static func invalid(_ name: String, _ value: JSONValue) -> MessageError {
        MessageError(.invalidTask, "invalid \(name) value \(PythonRepr.quoted(value))")
    }
}
