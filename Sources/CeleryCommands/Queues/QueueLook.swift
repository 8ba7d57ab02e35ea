internal import Celery
internal import CeleryProtocol
internal import CeleryTransport

/// One look at queues after the other.
struct QueueLook: Sendable {
    let broker: any OperableBroker
    let client: CeleryClient
    /// The queues that are asked for; `nil` for all that there are.
    let wanted: [String]?
    /// The queues of the settings.
    let known: [String]
    let timeout: Duration

    /// What the queues have now, ordered by their names.
    func reports() async throws -> [QueueReport] {
        var seen: Set<String> = []
        let all = if let wanted { wanted } else { known + (try await bound()) }
        let names = all.filter { seen.insert($0).inserted }
        var reports = try await broker.reports(on: names, logger: Console.ofCommands)
        // Workers are asked where the broker does not say who consumes, or which queues there are.
        guard wanted == nil || reports.contains(where: { $0.waiting != nil && $0.consumers == nil }) else {
            return reports
        }
        let consumers = try await consumers()
        if wanted == nil {
            let others = consumers.keys.filter { !seen.contains($0) }
            if !others.isEmpty { reports += try await broker.reports(on: others.sorted(), logger: Console.ofCommands) }
        }
        return reports.sorted { $0.name < $1.name }.map { report in
            var report = report
            if report.waiting != nil, report.consumers == nil { report.consumers = consumers[report.name] ?? 0 }
            return report
        }
    }

    /// The queues of tasks that the broker knows.
    private func bound() async throws -> [String] {
        do {
            return try await broker.bindings(logger: Console.ofCommands).filter { !Self.isOfControl($0) }.map(\.queue)
        } catch let error as TransportError where error.code == .unsupported {
            return []
        }
    }

    /// Whether remote control or the readers of events have bound it.
    static func isOfControl(_ binding: QueueBinding) -> Bool {
        binding.exchange.hasSuffix(".pidbox") || binding.exchange == "celeryev"
    }

    /// How many workers say that they consume each queue; one that answers twice counts once.
    private func consumers() async throws -> [String: Int] {
        var consumers: [String: Set<String>] = [:]
        try await client.control.ask("active_queues", timeout: timeout) { reply in
            for queue in reply.value.arrayValue ?? [] {
                guard let name = queue.objectValue?["name"]?.stringValue else { continue }
                consumers[name, default: []].insert(reply.node)
            }
        }
        return consumers.mapValues(\.count)
    }
}
