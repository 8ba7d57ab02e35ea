internal import CeleryIO
package import CeleryTransport
package import Logging

extension RabbitMQBroker: OperableBroker {
    package func purge(_ queues: [String], logger: Logger) async throws -> [Int] {
        let counts = Locked<[Int]>([])
        try await session("celery-swift purge") { session in
            for queue in queues {
                let count = try session.purge(queue)
                counts.withLock { $0.append(count) }
            }
        }
        return counts.withLock { $0 }
    }

    /// As the passive declaration says it.
    package func reports(on queues: [String], logger: Logger) async throws -> [QueueReport] {
        let reports = Locked<[QueueReport]>([])
        try await session("celery-swift queues") { session in
            for queue in queues {
                var report = QueueReport(queue)
                do {
                    let counts = try session.counts(of: queue)
                    (report.waiting, report.consumers) = (counts.waiting, counts.consumers)
                } catch let fault as ServerFault where fault.code == 404 {
                    // There is none: so it stands in the report.
                }
                reports.withLock { [report] in $0.append(report) }
            }
        }
        return reports.withLock { $0 }
    }

    /// AMQP has no question for it.
    package func bindings(logger: Logger) async throws -> [QueueBinding] {
        throw TransportError(
            .unsupported,
            "RabbitMQ tells its bindings over its own interfaces only: rabbitmqctl list_bindings, or the management page"
        )
    }
}
