internal import CeleryProtocol
internal import CeleryTesting
internal import CeleryTransport

/// What `replay --to` says of the messages at its end.
struct ResendSummary {
    private let fixtures: [Fixture]
    private let report: ResendReport

    init(_ fixtures: [Fixture], _ report: ResendReport) {
        self.fixtures = fixtures
        self.report = report
    }

    /// Whether one of them is not at the broker for certain.
    var isFailed: Bool { report.sent < fixtures.count }

    /// How many were sent; of how many, when not all were.
    var sent: String {
        let count = fixtures.count
        return (isFailed ? "\(report.sent) of " : "") + "\(count) message\(count == 1 ? "" : "s") sent"
    }

    /// What became of the others, a line each.
    var failures: [String] {
        var lines = report.failures.sorted { $0.key < $1.key }.map { position, error in
            "\(name(position)) was not sent: \(error)"
        }
        guard let end = report.end else { return lines }
        lines.append(end is CancellationError ? "interrupted" : "ended too early: \(end)")
        if let first = report.unknown.first, let last = report.unknown.last {
            let count = "\(report.unknown.count) messages"
            let names = first == last ? "\(name(first)): it" : "\(name(first)) to \(name(last)), \(count): they"
            lines.append("nothing is known of \(names) may be there or not")
        }
        if report.tried < fixtures.count {
            lines.append("from \(name(report.tried)) on nothing was sent")
        }
        return lines
    }

    private func name(_ position: Int) -> String { LogText(fixtures[position].name).description }
}
