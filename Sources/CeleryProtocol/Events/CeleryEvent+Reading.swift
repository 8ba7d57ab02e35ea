#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension CeleryEvent {
    /// Reads an event. Whoever sends it, Celery of whatever version or somebody else: what is missing or is of another type
    /// than usual is `nil`, and only what has no type is no event.
    ///
    /// - Parameters:
    ///   - value: an object, as ``values(in:)`` gives it.
    ///   - received: when it has come.
    ///   - clock: what counts when the event has no clock of its own.
    /// - Throws: ``MessageError`` for what is no event.
    public init(_ value: JSONValue, received: Date, clock: Int = 0) throws(MessageError) {
        guard let fields = value.objectValue, let type = fields["type"]?.text, !type.isEmpty else {
            throw MessageError(.undecodable, "an event is an object with a type, not \(PythonRepr.quoted(value))")
        }
        self.type = type
        node = fields["hostname"]?.shownText ?? ""
        pid = fields["pid"]?.integerValue
        taskID = type.hasPrefix("task-") ? fields["uuid"]?.shownText : nil
        self.clock = fields["clock"]?.integerValue ?? clock
        timestamp = fields["timestamp"]?.timestamp ?? received
        self.received = received
        content = Content(type, fields)
        self.fields = fields
    }

    /// The events of a message: one, or a list of many. Each is to be read by itself, because one that is broken says nothing
    /// of the others.
    ///
    /// - Throws: ``MessageError`` for a message that cannot be read.
    public static func values(in message: Message) throws(MessageError) -> [JSONValue] {
        let body = try message.decodedBody(BodyLimits(), willRead: { _ in })
        return body.arrayValue ?? [body]
    }
}

extension CeleryEvent.Content {
    fileprivate init(_ type: String, _ fields: JSONObject) {
        self =
            switch type {
            case "task-sent":
                .taskSent(
                    CeleryEvent.Call(fields), queue: fields["queue"]?.shownText,
                    exchange: fields["exchange"]?.shownText, routingKey: fields["routing_key"]?.shownText)
            case "task-received": .taskReceived(CeleryEvent.Call(fields))
            case "task-started": .taskStarted
            case "task-succeeded":
                .taskSucceeded(
                    result: fields["result"]?.shownText,
                    runtime: fields["runtime"]?.number.flatMap(Duration.init(seconds:)))
            case "task-failed":
                .taskFailed(exception: fields["exception"]?.shownText, traceback: fields["traceback"]?.shownText)
            case "task-retried":
                .taskRetried(exception: fields["exception"]?.shownText, traceback: fields["traceback"]?.shownText)
            case "task-rejected": .taskRejected(requeue: fields["requeue"].flatMap { $0.isNull ? nil : $0.isTruthy })
            case "task-revoked":
                .taskRevoked(
                    isTerminated: fields["terminated"]?.isTruthy ?? false, signal: fields["signum"]?.shownText,
                    isExpired: fields["expired"]?.isTruthy ?? false)
            case "worker-online": .workerOnline(CeleryEvent.Report(fields))
            case "worker-heartbeat": .workerHeartbeat(CeleryEvent.Report(fields))
            case "worker-offline": .workerOffline(CeleryEvent.Report(fields))
            default: .other
            }
    }
}

extension CeleryEvent.Call {
    fileprivate init(_ fields: JSONObject) {
        name = fields["name"]?.shownText
        arguments = fields["args"]?.shownText
        keywords = fields["kwargs"]?.shownText
        rootID = fields["root_id"]?.shownText
        parentID = fields["parent_id"]?.shownText
        retries = fields["retries"]?.integerValue
        eta = fields["eta"]?.date
        expires = fields["expires"]?.date
    }
}

extension CeleryEvent.Report {
    fileprivate init(_ fields: JSONObject) {
        interval = fields["freq"]?.number.flatMap(Duration.init(seconds:)).flatMap { $0 > .zero ? $0 : nil }
        active = fields["active"]?.integerValue
        processed = fields["processed"]?.integerValue
        loadAverage = (fields["loadavg"]?.arrayValue ?? []).compactMap(\.number)
        software = fields["sw_ident"]?.shownText
        version = fields["sw_ver"]?.shownText
        system = fields["sw_sys"]?.shownText
    }
}

extension JSONValue {
    /// A text as it is, anything else as Python's `str` shows it; `nil` for `null`.
    package var shownText: String? {
        if isNull { return nil }
        return text ?? PythonRepr.repr(of: self)
    }

    /// A number, also one that was sent as a text or as a `Decimal`; `nil` for none, and for what is not finite.
    fileprivate var number: Double? {
        let number = doubleValue ?? text.flatMap { Double($0) }
        return number.flatMap { $0.isFinite ? $0 : nil }
    }

    /// A number of seconds since 1970, in the years that a calendar has.
    fileprivate var timestamp: Date? {
        number.flatMap { $0.magnitude < 2.5e11 ? Date(timeIntervalSince1970: $0) : nil }
    }

    /// A time in ISO 8601.
    fileprivate var date: Date? {
        guard let text else { return nil }
        do { return try PythonDateTime(isoparse: text).date() } catch { return nil }
    }
}
