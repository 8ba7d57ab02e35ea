internal import CeleryIO

/// A connection that is made when it is first needed, and made anew after it was reported as broken.
///
/// Many callers at once share one attempt to connect.
package final class Reconnecting<Connection: Sendable>: Sendable {
    private enum State {
        case idle
        case connecting(Task<Connection, any Error>, generation: Int)
        case connected(Connection, generation: Int)
        case closed
    }

    private enum Step {
        case use(Connection, Int)
        case wait(Task<Connection, any Error>, Int)
        case fail
    }

    private struct Progress {
        var current = State.idle
        var generation = 0

        var isClosed: Bool {
            if case .closed = current { true } else { false }
        }
    }

    private let state = Locked(Progress())
    private let connect: @Sendable () async throws -> Connection

    package init(_ connect: @escaping @Sendable () async throws -> Connection) {
        self.connect = connect
    }

    /// The connection and a number to report it by. A caller that is cancelled stops waiting at once, and the attempt to
    /// connect goes on for the others.
    package func get() async throws -> (connection: Connection, generation: Int) {
        let step = state.withLock { state -> Step in
            switch state.current {
            case .connected(let connection, let generation): return .use(connection, generation)
            case .connecting(let task, let generation): return .wait(task, generation)
            case .closed: return .fail
            case .idle:
                state.generation += 1
                let generation = state.generation
                // Not a child of the first caller: that one's cancellation must not fail the others.
                let task = Task { try await self.makeConnection(generation) }
                state.current = .connecting(task, generation: generation)
                return .wait(task, generation)
            }
        }
        switch step {
        case .use(let connection, let generation): return (connection, generation)
        case .fail: throw Self.closed
        case .wait(let task, let generation):
            let waiter = Waiter<Connection>()
            // On its own, because it may outlive the caller.
            Task { waiter.settle(await task.result) }
            let connection = try await waiter.value()
            // Then it is its owner's to close.
            if state.withLock({ $0.isClosed }) { throw Self.closed }
            return (connection, generation)
        }
    }

    /// Connects, whether somebody still waits for it or not.
    private func makeConnection(_ generation: Int) async throws -> Connection {
        do {
            let connection = try await connect()
            state.withLock { state in
                guard case .connecting(_, generation) = state.current else { return }
                state.current = .connected(connection, generation: generation)
            }
            return connection
        } catch {
            report(broken: generation)
            throw error
        }
    }

    /// The connection, if there is one now.
    package var current: Connection? {
        state.withLock { state in
            if case .connected(let connection, _) = state.current { connection } else { nil }
        }
    }

    /// Makes the next ``get()`` connect anew, unless somebody else's report already has.
    package func report(broken generation: Int) {
        state.withLock { state in
            switch state.current {
            case .connecting(_, generation), .connected(_, generation): state.current = .idle
            default: break
            }
        }
    }

    /// Ends it for good; returns the connection if there is one, for its owner to close. One that is being made is
    /// waited for.
    package func close() async -> Connection? {
        let last = state.withLock { state in
            defer { state.current = .closed }
            return state.current
        }
        switch last {
        case .connected(let connection, _): return connection
        case .connecting(let task, _):
            // An attempt that fails leaves nothing to close.
            return if case .success(let connection) = await task.result { connection } else { nil }
        case .idle, .closed: return nil
        }
    }

    private static var closed: TransportError { TransportError(.closed, "the connection was closed") }
}
