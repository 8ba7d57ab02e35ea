internal import CeleryIO
package import CeleryProtocol

/// Hands the states of tasks, as they come in, to those who wait for them.
package final class UpdateHub: Sendable {
    package typealias Stream = AsyncThrowingStream<TaskResult, any Error>

    private struct State {
        var waiting: [String: [Int: Stream.Continuation]] = [:]
        var next = 0
    }

    private let state = Locked(State())

    package init() {}

    /// A stream of the states of a task, and whether it is the first that waits for it.
    ///
    /// - Parameter onLast: called when the last stream of this task has ended.
    package func stream(
        of id: String,
        onLast: @escaping @Sendable () -> Void
    ) -> (stream: Stream, continuation: Stream.Continuation, isFirst: Bool) {
        let (stream, continuation) = Stream.makeStream()
        let (number, isFirst) = state.withLock { state in
            defer { state.next += 1 }
            let isFirst = state.waiting[id] == nil
            state.waiting[id, default: [:]][state.next] = continuation
            return (state.next, isFirst)
        }
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            let wasLast = self.state.withLock { state in
                state.waiting[id]?[number] = nil
                guard state.waiting[id]?.isEmpty == true else { return false }
                state.waiting[id] = nil
                return true
            }
            if wasLast { onLast() }
        }
        return (stream, continuation, isFirst)
    }

    /// The states of a task from now on, with what is `known` of it first.
    package func updates(of id: String, known: () async throws -> TaskResult?) async throws -> Stream {
        let (stream, continuation, _) = stream(of: id) {}
        // Looked up after the stream is there: what arrives meanwhile comes twice at worst.
        if let known = try await known() {
            continuation.yield(known)
            if known.state.isReady { continuation.finish() }
        }
        return stream
    }

    /// Passes a state on; the streams of a task end after the one that ends it.
    package func yield(_ result: TaskResult, id: String) {
        for continuation in waiting(for: id) {
            continuation.yield(result)
            if result.state.isReady { continuation.finish() }
        }
    }

    /// Whether somebody waits for the states of this task.
    package func isWaiting(for id: String) -> Bool { state.withLock { $0.waiting[id] != nil } }

    /// Ends the streams of one task with an error.
    package func fail(_ error: any Error, id: String) {
        for continuation in waiting(for: id) { continuation.finish(throwing: error) }
    }

    /// Ends all streams with an error. Who comes from now on is the first that waits.
    package func fail(_ error: any Error) {
        let all = state.withLock { state in
            // At once: one that came between would count as a further one, and nobody would subscribe for it.
            defer { state.waiting = [:] }
            return state.waiting.values.flatMap(\.values)
        }
        for continuation in all { continuation.finish(throwing: error) }
    }

    private func waiting(for id: String) -> [Stream.Continuation] {
        state.withLock { state in state.waiting[id].map { Array($0.values) } ?? [] }
    }
}
