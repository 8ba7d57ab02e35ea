internal import CeleryIO
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A task as `celery inspect` shows it.
struct TaskDescription {
    /// The arguments of a message with a larger body are shown as the texts that its sender wrote for people: one reply
    /// goes to the client for all tasks of a worker.
    private static let largestBody = 64 << 10

    let json: JSONValue

    /// - Parameters:
    ///   - begin: when it began; `nil` for one that waits.
    ///   - showsTexts: whether the arguments are shown as texts in any case.
    init(
        _ request: TaskRequest, _ message: Message, begin: Date? = nil,
        isAcknowledged: Bool = false, showsTexts: Bool = false, of state: WorkerState
    ) {
        var (args, kwargs) = (Self.text(request.argsrepr), Self.text(request.kwargsrepr))
        if !showsTexts, message.body.count <= Self.largestBody,
            let payload = Self.payload(of: message, state.options.bodyLimits)
        {
            (args, kwargs) = (.array(payload.args), .object(payload.kwargs))
        }
        json = [
            "id": .string(request.id), "name": .string(request.shadow ?? request.task), "args": args, "kwargs": kwargs,
            "type": .string(request.task), "hostname": .string(state.name),
            "time_start": begin.map { .double($0.timeIntervalSince1970) } ?? .null,
            "acknowledged": .bool(isAcknowledged),
            "delivery_info": [
                "exchange": .string(request.delivery.exchange), "routing_key": .string(request.delivery.routingKey),
                "priority": request.priority.map(JSONValue.integer) ?? .null,
                "redelivered": .bool(request.delivery.isRedelivered),
            ],
            "worker_pid": begin == nil ? .null : .integer(Int(ProcessInfo.processInfo.processIdentifier)),
        ]
    }

    /// One that runs.
    init(_ entry: ActiveTasks.Entry, showsTexts: Bool = false, of state: WorkerState) {
        self.init(
            entry.task.request, entry.task.message,
            begin: Date() - (ContinuousClock.now - entry.begin).inSeconds, isAcknowledged: entry.isAcknowledged,
            showsTexts: showsTexts, of: state)
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// `nil` for a body that cannot be read: then its task ends as soon as it gets a slot, and the log says why.
    private static func payload(of message: Message, _ limits: BodyLimits) -> TaskPayload? {
        do {
            return try TaskPayload(message, limits) { _ in }
        } catch {
            return nil
        }
    }
}
