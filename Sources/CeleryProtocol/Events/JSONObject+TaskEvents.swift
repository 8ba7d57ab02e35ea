#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The fields of the events of tasks, one function for each type.
extension JSONObject {
    /// `task-received`.
    package static func received(_ request: TaskRequest) -> JSONObject {
        var fields: JSONObject = [:]
        fields.reserveCapacity(9)
        fields.append("uuid", .string(request.id))
        fields.append("name", .string(request.shadow ?? request.task))
        fields.append("args", text(request.argsrepr))
        fields.append("kwargs", text(request.kwargsrepr))
        fields.append("root_id", text(request.rootID))
        fields.append("parent_id", text(request.parentID))
        fields.append("retries", .integer(request.retries))
        fields.append("eta", time(request.eta))
        fields.append("expires", time(request.expires))
        return fields
    }

    /// `task-started`.
    package static func started(_ request: TaskRequest) -> JSONObject { ["uuid": .string(request.id)] }

    /// `task-succeeded`.
    package static func succeeded(_ request: TaskRequest, _ value: JSONValue, runtime: Duration) -> JSONObject {
        [
            "uuid": .string(request.id), "result": .string(PythonRepr.saferepr(value)),
            "runtime": .double(runtime.inSeconds),
        ]
    }

    /// `task-failed` and `task-retried`.
    package static func failed(_ request: TaskRequest, _ failure: TaskFailure?) -> JSONObject {
        [
            "uuid": .string(request.id), "exception": text(failure?.repr), "traceback": text(failure?.traceback),
        ]
    }

    /// `task-revoked`.
    ///
    /// - Parameters:
    ///   - request: the task.
    ///   - signal: the number of the signal that has ended it; `nil` for one that did not run.
    ///   - isExpired: whether it came too late.
    package static func revoked(_ request: TaskRequest, signal: Int? = nil, isExpired: Bool) -> JSONObject {
        [
            "uuid": .string(request.id), "terminated": .bool(signal != nil),
            "signum": signal.map(JSONValue.integer) ?? .null, "expired": .bool(isExpired),
        ]
    }

    /// `task-rejected`.
    package static func rejected(_ request: TaskRequest, requeue: Bool) -> JSONObject {
        ["uuid": .string(request.id), "requeue": .bool(requeue)]
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// As Python's `isoformat`; `nil` also for a time that Python's `datetime` cannot hold, which no message brings.
    private static func time(_ date: Date?) -> JSONValue {
        guard let date else { return .null }
        do { return .string(try PythonDateTime(date).isoFormat) } catch { return .null }
    }
}
