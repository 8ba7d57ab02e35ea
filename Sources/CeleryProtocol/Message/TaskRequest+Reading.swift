#if canImport(FoundationEssentials)
private import FoundationEssentials
#else
private import Foundation
#endif

extension TaskRequest {
    /// Reads the metadata of a message of protocol 2 or 1, as lenient and as strict as Celery's workers are where
    /// those answer, and with an error where those would crash.
    ///
    /// - Throws: ``MessageError`` that says whether it is no task at all or a broken one.
    public init(_ message: Message) throws(MessageError) {
        if case .string(let task)? = message.headers["task"] {
            guard case .string(let id)? = message.headers["id"], !id.isEmpty else {
                throw MessageError(.invalidTask, "the message of task \(task) has no id")
            }
            self.init(task: task, id: id)
            try read(message.headers, naiveTimesAreUTC: true)
        } else {
            let body = try message.decodedBody()
            guard case .object(let object) = body, case .string(let task)? = object["task"] else {
                throw MessageError(.notATask, "the message names no task")
            }
            guard case .string(let id)? = object["id"], !id.isEmpty else {
                throw MessageError(.invalidTask, "the message of task \(task) has no id")
            }
            self.init(task: task, id: id)
            try read(object, naiveTimesAreUTC: object["utc"]?.isTruthy ?? true)
            if case .string(let taskset)? = object["taskset"] { group = taskset }
            for key in ["args", "kwargs", "callbacks", "errbacks", "chord", "utc", "taskset", "chain"] {
                headers[key] = nil
            }
        }
        replyTo = message.properties.replyTo
        correlationID = message.properties.correlationID
        priority = message.properties.priority
        delivery = DeliveryInfo(
            exchange: message.properties.exchange ?? "",
            routingKey: message.properties.routingKey ?? "",
            isRedelivered: message.properties.isRedelivered
        )
    }

    private mutating func read(_ fields: JSONObject, naiveTimesAreUTC: Bool) throws(MessageError) {
        rootID = nil
        for (key, value) in fields {
            switch key {
            case "task", "id", "lang", "compression": break
            case "shadow": shadow = value.stringValue.flatMap { $0.isEmpty ? nil : $0 }
            case "eta": eta = try Self.time(value, name: "eta", naiveIsUTC: naiveTimesAreUTC)
            case "expires": expires = try Self.time(value, name: "expires", naiveIsUTC: naiveTimesAreUTC)
            case "group": group = value.stringValue
            case "group_index": groupIndex = value.integerValue
            case "retries": retries = try Self.count(value, name: "retries")
            case "timelimit": try readTimeLimits(value)
            case "root_id": rootID = value.stringValue
            case "parent_id": parentID = value.stringValue
            case "argsrepr": argsrepr = value.stringValue
            case "kwargsrepr": kwargsrepr = value.stringValue
            case "origin": origin = value.stringValue
            case "ignore_result": ignoreResult = value.isNull ? nil : value.isTruthy
            case "replaced_task_nesting": replacedTaskNesting = value.integerValue ?? 0
            case "stamped_headers": stampedHeaders = value
            case "stamps": stamps = value.objectValue ?? [:]
            default: headers.append(key, value)
            }
        }
    }

    private static func time(_ value: JSONValue, name: String, naiveIsUTC: Bool) throws(MessageError) -> Date? {
        switch value {
        case .null: return nil
        case .string(let text):
            do {
                let time = try PythonDateTime(isoparse: text)
                return time.date(assumingOffset: naiveIsUTC ? 0 : TimeZone.current.secondsFromGMT() * 1_000_000)
            } catch {
                throw MessageError(.invalidTask, "invalid \(name) value \(PythonRepr.repr(of: value))")
            }
        default: throw MessageError(.invalidTask, "invalid \(name) value \(PythonRepr.repr(of: value))")
        }
    }

    private static func count(_ value: JSONValue, name: String) throws(MessageError) -> Int {
        switch value {
        case .null: return 0
        case .integer(let number) where number >= 0: return number
        case .string(let text):
            if let number = Int(text), number >= 0 { return number }
        default: break
        }
        throw MessageError(.invalidTask, "invalid \(name) value \(PythonRepr.repr(of: value))")
    }

    /// `[hard, soft]`, each a number or null; null or an empty array stand for no limits.
    private mutating func readTimeLimits(_ value: JSONValue) throws(MessageError) {
        switch value {
        case .null: return
        case .array(let limits) where limits.isEmpty: return
        case .array(let limits) where limits.count >= 2:
            guard limits[0].isNull || limits[0].doubleValue != nil, limits[1].isNull || limits[1].doubleValue != nil
            else { break }
            timeLimit = limits[0].doubleValue.flatMap { $0 > 0 ? $0 : nil }
            softTimeLimit = limits[1].doubleValue.flatMap { $0 > 0 ? $0 : nil }
            return
        default: break
        }
        throw MessageError(.invalidTask, "invalid timelimit value \(PythonRepr.repr(of: value))")
    }
}
