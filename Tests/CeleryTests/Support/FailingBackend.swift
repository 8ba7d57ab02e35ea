import CeleryProtocol
import CeleryTransport

/// Results in memory, of which some cannot be stored.
struct FailingBackend: ResultBackend {
    private let memory = MemoryResultBackend()
    private let connects: @Sendable () throws -> Void
    private let takes: @Sendable (TaskResult) async throws -> Void
    private let watches: @Sendable () throws -> Void

    /// A backend that throws for results that are not to be stored.
    init(takes: @escaping @Sendable (TaskResult) async throws -> Void) {
        (connects, watches) = ({}, {})
        self.takes = takes
    }

    /// A backend that throws when it is not to be had.
    init(connects: @escaping @Sendable () throws -> Void) {
        self.connects = connects
        (takes, watches) = ({ _ in }, {})
    }

    /// A backend that throws when somebody is to wait for a result.
    init(watches: @escaping @Sendable () throws -> Void) {
        self.watches = watches
        (connects, takes) = ({}, { _ in })
    }

    var location: String { "failing://" }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), backend: self)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let backend: FailingBackend

        func connect() async throws { try backend.connects() }

        func prepare() async throws { try await store.prepare() }

        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
            var failures: [Int: any Error] = [:]
            for (position, stored) in results.enumerated() {
                do {
                    try await backend.takes(stored.result)
                    try await store.store([stored])
                } catch {
                    failures[position] = error
                }
            }
            return failures
        }

        func result(of id: String) async throws -> TaskResult? { try await store.result(of: id) }

        func watch(_ id: String, _ watcher: ResultWatcher) async throws {
            try backend.watches()
            try await store.watch(id, watcher)
        }

        func forget(_ id: String) async throws { try await store.forget(id) }

        func close() async { await store.close() }
    }
}
