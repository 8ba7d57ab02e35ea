import CeleryProtocol
import Testing

@testable import CeleryTransport

@Suite struct ResultStreamTests {
    /// Tells every state twice, as a store does when one arrives while it is looked up.
    private struct StammeringStore: ResultStore {
        func prepare() async throws {}
        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] { [:] }
        func result(of id: String) async throws -> TaskResult? { nil }
        func forget(_ id: String) async throws {}
        func close() async {}

        func watch(_ id: String, _ watcher: ResultWatcher) async throws {
            for state in [TaskState.started, .retry, .started, .success] {
                for _ in 0..<2 { watcher.receive(.success(TaskResult(id: id, state: state, result: nil))) }
            }
        }
    }

    @Test func aStateThatIsToldTwiceComesOnce() async throws {
        var states: [TaskState] = []
        for try await result in try await StammeringStore().updates(of: "a") { states.append(result.state) }
        #expect(states == [.started, .retry, .started, .success])
    }
}
