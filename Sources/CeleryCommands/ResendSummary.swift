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
        (isFailed ? "\(report.sent) of " : "") + "\(Counted.text(fixtures.count, "message")) sent"
    }

    /// What became of the others, a line each.
    var failures: [String] {
        var lines = refusals
        guard let end = report.end else { return lines }
        lines.append(end is CancellationError ? "interrupted" : "ended too early: \(end)")
        if let first = report.unknown.first, let last = report.unknown.last {
            let isOne = first == last
            let names = isOne ? name(first) : names(first...last, report.unknown.count)
            lines.append("nothing is known of \(names): \(isOne ? "it" : "they") may be there or not")
        }
        if report.tried < fixtures.count {
            lines.append("from \(name(report.tried)) on nothing was sent")
        }
        return lines
    }

    /// Why some were not sent; neighbours of which the same is said share a line.
    private var refusals: [String] {
        var lines: [String] = []
        let positions = report.failures.keys.sorted()
        var index = positions.startIndex
        while index < positions.endIndex {
            let first = positions[index]
            let reason = reason(first)
            var last = first
            while report.failures[last + 1] != nil, reason == self.reason(last + 1) { last += 1 }
            index += last - first + 1
            lines.append(
                last == first
                    ? "\(name(first)) was not sent: \(reason)"
                    : "\(names(first...last, last - first + 1)) were not sent: \(reason)")
        }
        return lines
    }

    private func reason(_ position: Int) -> String { report.failures[position].map { "\($0)" } ?? "" }

    private func names(_ positions: ClosedRange<Int>, _ count: Int) -> String {
        "\(count) messages from \(name(positions.lowerBound)) to \(name(positions.upperBound))"
    }

    private func name(_ position: Int) -> String { Self.name(of: fixtures[position], position) }

    /// The fixture's name; its place in the file where it has none.
    static func name(of fixture: Fixture, _ position: Int) -> String {
        fixture.name.isEmpty ? "case \(position)" : LogText(fixture.name).description
    }
}
