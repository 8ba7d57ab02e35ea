import CeleryIO
import CeleryProtocol
import CeleryTransport

/// Results in memory, of which the first cannot be stored.
struct FailingBackend: ResultBackend {
    private let memory = MemoryResultBackend()
    private let remaining: Remaining

    final class Remaining: Sendable {
        private let count: Locked<Int>
        init(_ count: Int) { self.count = Locked(count) }
        func take() -> Bool {
            count.withLock { count in
                count -= 1
                return count >= 0
            }
        }
    }

    init(failures: Int) { remaining = Remaining(failures) }

    var location: String { "failing://" }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), remaining: remaining)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let remaining: Remaining

        func prepare() async throws { try await store.prepare() }

        func store(_ results: [StoredResult]) async throws {
            if remaining.take() { throw TransportError(.rejected, "not this one") }
            try await store.store(results)
        }

        func result(of id: String) async throws -> TaskResult? { try await store.result(of: id) }

        func updates(of id: String) async throws -> AsyncThrowingStream<TaskResult, any Error> {
            try await store.updates(of: id)
        }

        func forget(_ id: String) async throws { try await store.forget(id) }

        func close() async { await store.close() }
    }
}
