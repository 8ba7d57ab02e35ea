internal import CeleryProtocol
internal import CeleryTransport

/// How a consumer's prefetch count is said to the server (`basic.qos`), as Celery does it.
struct PrefetchRule: Equatable {
    /// Whether one limit holds for the whole channel and can be changed while consuming.
    let isGlobal: Bool

    /// RabbitMQ knows the limit per channel from 3.3 on, no longer in 4, and never for quorum queues and streams.
    init(serverVersion: String, queues: [Queue]) {
        let numbers = serverVersion.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
        let (major, minor) = (numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
        isGlobal = major == 3 && minor >= 3 && queues.allSatisfy(Self.isClassic)
    }

    /// Whether a queue is declared as a classic one; settings of Python apps say it with an argument.
    private static func isClassic(_ queue: Queue) -> Bool {
        (queue.arguments["x-queue-type"] ?? .string(queue.kind.rawValue)) == "classic"
    }

    /// The count on the wire: 0, no limit, stays 0 whatever the surplus.
    static func count(_ prefetch: Int, extra: Int) -> UInt16 {
        guard prefetch > 0 else { return 0 }
        let (sum, overflow) = prefetch.addingReportingOverflow(max(0, extra))
        return overflow ? .max : UInt16(clamping: sum)
    }
}
