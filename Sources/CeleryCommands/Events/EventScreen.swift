internal import Celery
internal import CeleryIO
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A terminal full of workers and tasks, drawn anew again and again.
struct EventScreen {
    /// A key is answered within this.
    private static let keyInterval = Duration.milliseconds(100)

    /// What has been heard so far.
    private final class Box: Sendable {
        let state = Locked(ClusterState())
    }

    let client: CeleryClient
    let interval: Duration

    /// Shows it until a key ends it, or until it is cancelled.
    ///
    /// - Throws: `TransportError` when the broker cannot be reached or refuses.
    func run() async throws {
        let events = try await client.events()
        let cluster = Box()
        let terminal = Terminal()
        defer { terminal.restore() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await event in events { cluster.state.withLock { $0.apply(event) } }
            }
            group.addTask { try await draw(cluster, on: terminal) }
            defer { group.cancelAll() }
            do { try await group.next() } catch is CancellationError {}
        }
    }

    private func draw(_ cluster: Box, on terminal: Terminal) async throws {
        let style = TerminalStyle(noColor: false, isTerminal: true)
        while true {
            let (columns, rows) = terminal.size
            let state = cluster.state.withLock { $0 }
            terminal.show(EventTable(columns: columns, rows: rows, style: style).lines(state, now: Date()))
            let next = ContinuousClock.now + interval
            while ContinuousClock.now < next {
                if terminal.isLeft { return }
                try await Task.sleep(for: min(interval, Self.keyInterval))
            }
        }
    }
}
