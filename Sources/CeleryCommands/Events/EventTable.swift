internal import Celery
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Workers and tasks as lines that fit a terminal.
struct EventTable {
    let columns: Int
    let rows: Int
    let style: TerminalStyle

    /// As many lines as there are rows, at most.
    func lines(_ cluster: ClusterState, now: Date) -> [String] {
        let workers = cluster.workers
        let alive = workers.filter { $0.isAlive(at: now) }.count
        let head =
            "\(alive) of \(workers.count) workers online · \(cluster.receivedCount) tasks received · "
            + "\(cluster.eventCount) events · q ends"
        // Tasks have at least half of the rows.
        let shown = workers.prefix(max(1, (rows - 5) / 2))
        var lines = [style(fit(head, columns), .bold), "", style(row(workerCells), .bold)]
        lines += shown.map { worker in
            let isAlive = worker.isAlive(at: now)
            let report = worker.report
            let load = report.loadAverage.prefix(3).map { String(Double(Int(max(0, min($0, 1e6)) * 100)) / 100) }
            return row(
                [
                    worker.name, isAlive ? "online" : "gone", report.active.map(String.init) ?? "",
                    report.processed.map(String.init) ?? "", load.joined(separator: " "),
                    [report.software, report.version].compactMap { $0 }.joined(separator: " "),
                ], Self.workerWidths, isAlive ? [1: .green] : [1: .red])
        }
        if shown.count < workers.count { lines.append(fit("… and \(workers.count - shown.count) more", columns)) }
        lines += ["", style(row(taskCells, Self.taskWidths), .bold)]
        lines += cluster.latestTasks(max(0, rows - lines.count)).map { task in
            row(
                [
                    task.timestamp.map(Self.clock) ?? "", task.state.rawValue, task.call.name ?? "", task.id,
                    task.worker ?? task.client ?? "", Self.detail(task),
                ], Self.taskWidths, Self.color(of: task.state).map { [1: $0] } ?? [:])
        }
        return Array(lines.prefix(rows))
    }

    private static let workerWidths = [24, 7, 7, 10, 16]
    private static let taskWidths = [8, 8, 22, 8, 20]
    private let workerCells = ["WORKER", "STATE", "ACTIVE", "PROCESSED", "LOAD", "SOFTWARE"]
    private let taskCells = ["TIME", "STATE", "TASK", "ID", "WORKER", "WHAT"]

    private func row(_ cells: [String]) -> String { row(cells, Self.workerWidths) }

    /// The cells side by side; the last one has what is left of the line.
    private func row(_ cells: [String], _ widths: [Int], _ colors: [Int: TerminalStyle.Color] = [:]) -> String {
        var (line, used) = ("", 0)
        for (position, cell) in cells.enumerated() {
            let width = min(position < widths.count ? widths[position] : columns, columns - used)
            guard width > 0 else { break }
            let isLast = position == cells.count - 1
            let text = fit(cell, width)
            line += style(text, colors[position])
            if !isLast { line += String(repeating: " ", count: width - text.count + (used + width < columns ? 1 : 0)) }
            used += width + 1
        }
        return line
    }

    /// The text, in which nothing can harm the terminal, in no more than so many characters.
    private func fit(_ text: String, _ width: Int) -> String {
        let shown = LogText(text, limit: 4 * columns).description
        return shown.count <= width ? shown : String(shown.prefix(max(0, width - 1))) + "…"
    }

    private static func detail(_ task: ClusterState.Task) -> String {
        switch task.state {
        case .success:
            [task.runtime.map { "\(ReadableDuration($0))" }, task.result].compactMap { $0 }.joined(separator: " ")
        case .failure, .retry: task.exception ?? ""
        default: [task.call.arguments, task.call.keywords].compactMap { $0 }.joined(separator: " ")
        }
    }

    /// In UTC.
    private static func clock(_ date: Date) -> String {
        String(EventLine.time(date).dropFirst(11).prefix(8))
    }

    private static func color(of state: TaskState) -> TerminalStyle.Color? {
        switch state {
        case .success: .green
        case .failure, .revoked: .red
        case .retry: .yellow
        case .started: .cyan
        default: nil
        }
    }
}
