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

    private let state = Locked((current: State.idle, generation: 0))
    private let connect: @Sendable () async throws -> Connection

    package init(_ connect: @escaping @Sendable () async throws -> Connection) {
        self.connect = connect
    }

    /// The connection and a number to report it by.
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
                let task = Task { [connect] in try await connect() }
                state.current = .connecting(task, generation: generation)
                return .wait(task, generation)
            }
        }
        switch step {
        case .use(let connection, let generation): return (connection, generation)
        case .fail: throw Self.closed
        case .wait(let task, let generation):
            do {
                let connection = try await task.value
                let isClosed = state.withLock { state in
                    if case .connecting(_, generation) = state.current {
                        state.current = .connected(connection, generation: generation)
                    }
                    if case .closed = state.current { return true }
                    return false
                }
                if isClosed { throw Self.closed }
                return (connection, generation)
            } catch {
                report(broken: generation)
                throw error
            }
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
