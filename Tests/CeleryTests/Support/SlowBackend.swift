import CeleryIO
import CeleryProtocol
import CeleryTransport

/// Results in memory that keeps what was stored, in order. A state STARTED takes long to arrive.
final class SlowBackend: ResultBackend {
    private let memory = MemoryResultBackend()
    private let results = Locked<[TaskResult]>([])

    var location: String { "slow://" }
    var stored: [TaskResult] { results.withLock { $0 } }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), backend: self)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let backend: SlowBackend

        func prepare() async throws { try await store.prepare() }

        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
            if results.contains(where: { $0.result.state == .started }) {
                for _ in 0..<1000 { await Task.yield() }
            }
            backend.results.withLock { $0 += results.map(\.result) }
            return await store.store(contentsOf: results)
        }

        func result(of id: String) async throws -> TaskResult? { try await store.result(of: id) }

        func watch(_ id: String, _ watcher: ResultWatcher) async throws {
            try await store.watch(id, watcher)
        }

        func forget(_ id: String) async throws { try await store.forget(id) }

        func close() async { await store.close() }
    }
}
