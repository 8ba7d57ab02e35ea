import CeleryIO
import CeleryProtocol
import CeleryTransport

/// Results in memory; counts calls, the first of which can be made to fail.
final class ProbeBackend: ResultBackend {
    enum Call: Hashable, Sendable { case prepare, result, watch }

    private struct State {
        var counts: [Call: Int] = [:]
        var failures: [Call: [any Error]] = [:]
    }

    /// The calls, those that fail too.
    let calls: AsyncStream<Call>
    private let noted: AsyncStream<Call>.Continuation
    private let memory = MemoryResultBackend()
    private let state = Locked(State())

    init() {
        (calls, noted) = AsyncStream.makeStream()
    }

    var location: String { "probe://" }

    func count(_ call: Call) -> Int { state.withLock { $0.counts[call] ?? 0 } }

    /// Makes the next calls fail, each with one of the errors.
    func fail(_ call: Call, with errors: [any Error]) {
        state.withLock { $0.failures[call, default: []] += errors }
    }

    fileprivate func note(_ call: Call) throws {
        noted.yield(call)
        let error = state.withLock { state -> (any Error)? in
            state.counts[call, default: 0] += 1
            guard state.failures[call]?.isEmpty == false else { return nil }
            return state.failures[call]?.removeFirst()
        }
        if let error { throw error }
    }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), probe: self)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let probe: ProbeBackend

        func prepare() async throws { try probe.note(.prepare) }

        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
            await store.store(contentsOf: results)
        }

        func result(of id: String) async throws -> TaskResult? {
            try probe.note(.result)
            return try await store.result(of: id)
        }

        func watch(_ id: String, _ watcher: ResultWatcher) async throws {
            try probe.note(.watch)
            try await store.watch(id, watcher)
        }

        func forget(_ id: String) async throws { try await store.forget(id) }

        func close() async { await store.close() }
    }
}
