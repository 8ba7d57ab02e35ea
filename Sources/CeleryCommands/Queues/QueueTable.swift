internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Reports on queues, for people.
struct QueueTable {
    let lines: [String]

    init(_ reports: [QueueReport], now: Date) {
        let hasSteps = reports.contains(where: \.hasPriorities)
        var table = TextTable(
            [
                ("QUEUE", false), ("WAITING", true), ("HELD", true), ("CONSUMERS", true), ("OLDEST", true),
            ] + (hasSteps ? [("PRIORITIES", false)] : []))
        for report in reports {
            let oldest = report.oldest.map { ReadableDuration(.seconds(max(0, now.timeIntervalSince($0)))).description }
            let row = [
                LogText.name(report.name).description, report.waiting.map { String($0) } ?? "absent",
                Self.text(report.held), Self.text(report.consumers), oldest ?? "-",
            ]
            let steps = report.hasPriorities ? report.steps.map { "\($0.priority):\($0.waiting)" } : []
            table.add(row + (hasSteps ? [steps.joined(separator: " ")] : []))
        }
        lines = table.lines
    }

    private static func text(_ number: Int?) -> String { number.map { String($0) } ?? "-" }
}

extension QueueReport {
    /// Whether some message waits in another step than the usual one.
    fileprivate var hasPriorities: Bool { steps.contains { $0.priority != 0 && $0.waiting > 0 } }

    /// Whether messages wait and nobody is there for them.
    var isStuck: Bool { (waiting ?? 0) > 0 && consumers == 0 }

    /// What `--json` shows.
    var json: JSONValue {
        var steps: JSONObject = [:]
        for step in self.steps { steps[String(step.priority)] = .integer(step.waiting) }
        return [
            "exists": .bool(waiting != nil), "waiting": Self.number(waiting), "held": Self.number(held),
            "consumers": Self.number(consumers),
            "oldest": oldest.map { .string($0.formatted(.iso8601)) } ?? .null,
            "priorities": self.steps.isEmpty ? .null : .object(steps),
        ]
    }

    private static func number(_ value: Int?) -> JSONValue { value.map(JSONValue.integer) ?? .null }
}
