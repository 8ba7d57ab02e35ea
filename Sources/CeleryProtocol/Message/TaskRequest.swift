#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The metadata of one task, whichever version of the message protocol carried it. Celery's `task.request`.
public struct TaskRequest: Sendable, Hashable {
    /// The registered name of the task.
    public var task: String
    /// The task's id, a UUID unless the caller chose otherwise.
    public var id: String
    /// A name to show instead of the task's; `nil` for none.
    public var shadow: String?
    /// The time before which the task is not to run; `nil` for at once.
    public var eta: Date?
    /// The time after which the task is not to start any more; `nil` for no limit.
    public var expires: Date?
    /// The id of the group or chord header it belongs to.
    public var group: String?
    /// Its position in that group.
    public var groupIndex: Int?
    /// How many times it was tried before.
    public var retries: Int
    /// The hard time limit as it is written: a caller's `60.0` is passed on as that and not as `60`.
    package var writtenTimeLimit: JSONValue
    /// The soft time limit as it is written.
    package var writtenSoftTimeLimit: JSONValue
    /// The id of the first task of the workflow.
    public var rootID: String?
    /// The id of the task that sent this one.
    public var parentID: String?
    /// The positional arguments as Python prints them, for people only. Lone surrogates are spelled as in the keys of a
    /// ``JSONObject``.
    public var argsrepr: String?
    /// The keyword arguments as Python prints them, for people only, spelled likewise.
    public var kwargsrepr: String?
    /// The sender's node name, `gen<pid>@<host>`.
    public var origin: String?
    /// Whether the result is not wanted; `nil` leaves it to the receiver's own definition of the task.
    public var ignoreResult: Bool?
    /// How many times the task was replaced by another one.
    public var replacedTaskNesting: Int
    /// The names of the stamps.
    public var stampedHeaders: JSONValue
    /// The stamps.
    public var stamps: JSONObject
    /// The headers that are not Celery's own.
    public var headers: JSONObject
    /// The queue for `rpc://` results.
    public var replyTo: String?
    /// What the result refers to; the task's id unless the caller chose otherwise.
    public var correlationID: String?
    /// The message's priority.
    public var priority: Int?
    /// What else the message's properties held, such as `app_id`.
    public var properties: JSONObject
    /// The exchange and the key that the message was published with, and whether it was delivered before.
    public var delivery: DeliveryInfo

    /// How a task's message came.
    public struct DeliveryInfo: Sendable, Hashable {
        /// The exchange, `""` for the default one.
        public var exchange: String
        /// The routing key.
        public var routingKey: String
        /// Whether the message was delivered before.
        public var isRedelivered: Bool

        /// Makes the description of a delivery.
        public init(exchange: String = "", routingKey: String = "", isRedelivered: Bool = false) {
            self.exchange = exchange
            self.routingKey = routingKey
            self.isRedelivered = isRedelivered
        }
    }

    /// The request of a new task with nothing set but its name, its id and its own id as root.
    public init(task: String, id: String) {
        self.task = task
        self.id = id
        rootID = id
        retries = 0
        writtenTimeLimit = .null
        writtenSoftTimeLimit = .null
        replacedTaskNesting = 0
        stampedHeaders = .null
        stamps = [:]
        headers = [:]
        properties = [:]
        delivery = DeliveryInfo()
    }
}

extension TaskRequest {
    /// What ``retries`` of the next try is. A number from outside may be the largest there is.
    package var retriesOfNextTry: Int {
        let (next, hasOverflown) = retries.addingReportingOverflow(1)
        return hasOverflown ? .max : next
    }

    /// The headers of a protocol 2 message, in Celery's order and with all of its keys.
    ///
    /// - Throws: ``PythonValueError`` for a time outside of the years that Python's `datetime` knows.
    public func messageHeaders() throws(PythonValueError) -> JSONObject {
        var object = JSONObject()
        object.reserveCapacity(24)
        object.append("lang", "swift")
        object.append("task", .string(task))
        object.append("id", .string(id))
        object.append("shadow", Self.json(shadow))
        object.append("eta", try Self.json(eta))
        object.append("expires", try Self.json(expires))
        object.append("group", Self.json(group))
        object.append("group_index", groupIndex.map(JSONValue.integer) ?? .null)
        object.append("retries", .integer(retries))
        object.append("timelimit", .array([writtenTimeLimit, writtenSoftTimeLimit]))
        object.append("root_id", Self.json(rootID))
        object.append("parent_id", Self.json(parentID))
        object.append("argsrepr", Self.json(spelled: argsrepr))
        object.append("kwargsrepr", Self.json(spelled: kwargsrepr))
        object.append("origin", Self.json(origin))
        object.append("ignore_result", ignoreResult.map(JSONValue.bool) ?? .null)
        object.append("replaced_task_nesting", .integer(replacedTaskNesting))
        object.append("stamped_headers", stampedHeaders)
        object.append("stamps", .object(stamps))
        for (key, value) in headers { object[key] = value }
        return object
    }

    private static func json(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// A text in which lone surrogates are spelled.
    private static func json(spelled text: String?) -> JSONValue {
        guard let text, JSONKey.isEscaped(text) else { return json(text) }
        return .surrogateString(JSONKey.units(text))
    }

    private static func json(_ date: Date?) throws(PythonValueError) -> JSONValue {
        guard let date else { return .null }
        return .string(try PythonDateTime(date).isoFormat)
    }

}

extension TaskRequest {
    /// The hard time limit; `nil` for the task's own.
    public var timeLimit: Duration? {
        get { Self.limit(writtenTimeLimit) }
        set { writtenTimeLimit = newValue.map(JSONValue.seconds) ?? .null }
    }

    /// The soft time limit; `nil` for the task's own.
    public var softTimeLimit: Duration? {
        get { Self.limit(writtenSoftTimeLimit) }
        set { writtenSoftTimeLimit = newValue.map(JSONValue.seconds) ?? .null }
    }

    private static func limit(_ value: JSONValue) -> Duration? {
        value.doubleValue.flatMap { $0 > 0 ? Duration(seconds: $0) : nil }
    }
}
