internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Tells monitors of each task that was sent, `task-sent`, over the connection that it was sent over.
struct SentEvents: CeleryMiddleware {
    private let encoder = EventEncoder(
        hostname: NodeName.generated, pid: Int(ProcessInfo.processInfo.processIdentifier))
    let producer: Reconnecting<any Producer>
    let exchange: String
    let exchangeType: Queue.ExchangeType
    let clock: LogicalClock
    let logger: Logger

    func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        try await next(task)
        var bytes: [UInt8] = []
        encoder.write(
            "task-sent", .sent(task.message.headers, task.destination), clock: clock.forward(),
            timestamp: Date().timeIntervalSince1970, to: &bytes)
        do {
            try await producer.publish(
                Message.event(bytes, of: NodeName.generated),
                to: Destination(exchange: exchange, type: exchangeType, isDurable: true, routingKey: "task.sent"))
        } catch {
            // The task is sent, whether anybody hears of it or not.
            logger.debug(
                "a task-sent event was not sent",
                metadata: ["task": "\(LogText.name(task.task))", LoggingKeys.error: LoggingKeys.reason(error)])
        }
    }
}

extension JSONObject {
    /// The fields of `task-sent`, from the headers of the task's message and its way.
    fileprivate static func sent(_ headers: JSONObject, _ destination: Destination) -> JSONObject {
        let queue = destination.queue?.name ?? (destination.exchange.isEmpty ? destination.routingKey : nil)
        return [
            "uuid": headers["id"] ?? .null, "root_id": headers["root_id"] ?? .null,
            "parent_id": headers["parent_id"] ?? .null, "name": headers["task"] ?? .null,
            "args": headers["argsrepr"] ?? .null, "kwargs": headers["kwargsrepr"] ?? .null,
            "retries": headers["retries"] ?? .null, "eta": headers["eta"] ?? .null,
            "expires": headers["expires"] ?? .null, "queue": queue.map(JSONValue.string) ?? .null,
            "exchange": .string(destination.exchange), "routing_key": .string(destination.routingKey),
        ]
    }
}
