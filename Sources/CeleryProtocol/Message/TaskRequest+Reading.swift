#if canImport(FoundationEssentials)
private import FoundationEssentials
#else
private import Foundation
#endif

extension TaskRequest {
    /// Reads the metadata of a message of protocol 2 or 1, as lenient and as strict as Celery's workers are where
    /// those answer, and with an error where those would crash.
    ///
    /// - Parameters:
    ///   - message: the message as it came.
    ///   - maximumBodySize: how many bytes the body may have, where it has to be read: in protocol 1.
    ///   - maximumBodyMemory: how many bytes of memory its values may take then, besides the texts of strings and keys.
    /// - Throws: ``MessageError`` that says whether it is no task at all or a broken one.
    public init(
        _ message: Message, maximumBodySize: Int = TaskPayload.defaultMaximumBodySize,
        maximumBodyMemory: Int = TaskPayload.defaultMaximumBodyMemory
    ) throws(MessageError) {
        try self.init(message, BodyLimits(size: maximumBodySize, memory: maximumBodyMemory)) { _ in }
    }

    /// Reads the metadata.
    ///
    /// - Parameter willRead: is told how many bytes the body has, before they are read, if that is necessary.
    package init(
        _ message: Message, _ limits: BodyLimits, willRead: (_ size: Int) -> Void
    ) throws(MessageError) {
        do throws(MessageError) {
            try self.init(Self.fields(of: message, limits, willRead))
            replyTo = message.properties.replyTo
            correlationID = message.properties.correlationID
            // What the envelope holds there and is no text was put with the rest. Left out, the result would go to
            // nobody, or by another id than the one that somebody waits for.
            for key in ["reply_to", "correlation_id"] {
                if let value = message.properties.other[key] { _ = try value.id(named: key) }
            }
        } catch {
            throw error.about(message.headers)
        }
        priority = message.properties.priority
        properties = message.properties.other
        delivery = DeliveryInfo(
            exchange: message.properties.exchange ?? "",
            routingKey: message.properties.routingKey ?? "",
            isRedelivered: message.properties.isRedelivered
        )
    }

    private init(_ fields: JSONObject) throws(MessageError) {
        guard let task = fields["task"]?.text else {
            throw MessageError(.notATask, "the message names no task")
        }
        do throws(MessageError) {
            guard let id = try (fields["id"] ?? .null).id(named: "id") else {
                throw MessageError(.invalidTask, "the message of task \(PythonRepr.quoted(task)) has no id")
            }
            self.init(task: task, id: id)
            try read(fields)
        } catch {
            throw error.about(fields)
        }
    }

    /// The metadata: the headers in protocol 2, the body in protocol 1, and both in the mixture that Celery 3.1 could
    /// send, where the headers count more.
    private static func fields(
        of message: Message, _ limits: BodyLimits, _ willRead: (_ size: Int) -> Void
    ) throws(MessageError) -> JSONObject {
        let isNamedInHeaders = message.headers["task"]?.text != nil
        // In protocol 2 the body is not looked at before the task runs.
        if isNamedInHeaders, !message.beginsWithObject { return message.headers }
        guard case .object(var body) = try message.decodedBody(limits, willRead: willRead) else {
            throw MessageError(.notATask, "the message names no task")
        }
        guard isNamedInHeaders else {
            if let taskset = body["taskset"], taskset.text != nil { body["group"] = taskset }
            body.removeAll { key, _ in fieldsOfTheBody.contains(key) }
            return body
        }
        guard body["args"] != nil else { return message.headers }
        var fields = JSONObject()
        for key in fieldsOfBoth { fields[key] = body[key] }
        for (key, value) in message.headers { fields[key] = value }
        return fields
    }

    /// What is no metadata in the body of protocol 1.
    private static let fieldsOfTheBody: Set = [
        "args", "kwargs", "callbacks", "errbacks", "chord", "utc", "taskset", "chain",
    ]

    /// What Celery takes from the body of a message that names its task in the headers.
    private static let fieldsOfBoth = [
        "id", "root_id", "parent_id", "group", "shadow", "eta", "expires", "retries", "timelimit", "argsrepr",
        "kwargsrepr", "origin",
    ]

    private mutating func read(_ fields: JSONObject) throws(MessageError) {
        rootID = nil
        for (key, value) in fields {
            switch key {
            case "task", "id", "lang", "compression": break
            case "shadow": shadow = value.text.flatMap { $0.isEmpty ? nil : $0 }
            case "eta": eta = try Self.time(value, name: "eta")
            case "expires": expires = try Self.time(value, name: "expires")
            case "group": group = try value.id(named: key)
            case "group_index": groupIndex = value.integerValue
            case "retries": retries = value.retryCount
            case "timelimit": try readTimeLimits(value)
            case "root_id": rootID = try value.id(named: key)
            case "parent_id": parentID = try value.id(named: key)
            case "argsrepr": argsrepr = Self.spelled(value)
            case "kwargsrepr": kwargsrepr = Self.spelled(value)
            case "origin": origin = value.text
            case "ignore_result": ignoreResult = value.isNull ? nil : value.isTruthy
            case "replaced_task_nesting": replacedTaskNesting = value.integerValue ?? 0
            case "stamped_headers": stampedHeaders = value
            case "stamps": stamps = value.objectValue ?? [:]
            default: headers.append(key, value)
            }
        }
    }

    private static func spelled(_ value: JSONValue) -> String? {
        if case .surrogateString(let units) = value { JSONKey.string(units) } else { value.text }
    }

    /// A time without a zone is UTC, whatever protocol 1's `utc` says: that is how Celery reads it.
    private static func time(_ value: JSONValue, name: String) throws(MessageError) -> Date? {
        guard !value.isNull else { return nil }
        do {
            return try dateTime(value).date()
        } catch {
            throw .invalid(name, value)
        }
    }

    private static func dateTime(_ value: JSONValue) throws(PythonValueError) -> PythonDateTime {
        if case .object(let object) = value {
            // AMQP has times among its types, and kombu's JSON has them as tagged values.
            switch try TaggedValue(object) {
            case .dateTime(let time), .date(let time): return time
            default: break
            }
        }
        guard let text = value.text else { throw PythonValueError("it is no time") }
        return try PythonDateTime(isoparse: text)
    }

    /// `[hard, soft]`, each a number or nothing; anything empty stands for no limits.
    private mutating func readTimeLimits(_ value: JSONValue) throws(MessageError) {
        guard value.isTruthy else { return }
        guard case .array(let limits) = value, limits.count == 2,
            limits.allSatisfy({ !$0.isTruthy || $0.doubleValue != nil || $0.boolValue != nil })
        else { throw MessageError(.invalidTask, "invalid timelimit value \(PythonRepr.quoted(value))") }
        writtenTimeLimit = limits[0]
        writtenSoftTimeLimit = limits[1]
    }
}

extension JSONValue {
    /// How often a task was tried, never less than zero: a count below it would allow further tries beyond `max_retries`.
    /// Celery runs a task whatever stands there, and fails only when it is to be tried again; here what is no number
    /// counts as none, and what is too large for one as the largest.
    package var retryCount: Int {
        switch self {
        case .bool(let isOne): isOne ? 1 : 0
        case .integer(let number): max(0, number)
        case .bigInteger(let digits): digits.hasPrefix("-") ? 0 : .max
        case .double(let number):
            number >= 0x1p63 ? .max : number >= 1 ? Int(number) : 0
        default:
            if let text, !text.isEmpty {
                Int(text).map { max(0, $0) } ?? (text.utf8.allSatisfy(JSONBytes.isDigit) ? .max : 0)
            } else {
                0
            }
        }
    }
}
