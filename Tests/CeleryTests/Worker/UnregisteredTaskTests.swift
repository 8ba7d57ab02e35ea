import CeleryProtocol
import Testing

@testable import Celery

@Suite struct UnregisteredTaskTests {
    private func task(_ name: String = "py.task", handlers: [String]) -> UnregisteredTask {
        let handlers = handlers.map { TaskHandler(named: $0) { _, _, _ in .null } }
        return UnregisteredTask(
            TaskRequest(task: name, id: "1"), Message(body: []), queue: "celery",
            handlers: Dictionary(uniqueKeysWithValues: handlers.map { ($0.name, $0) }))
    }

    @Test func theHandlersAreNamedAndOfManyOnlySome() {
        #expect(task(handlers: []).registered == "nothing")
        #expect(task(handlers: ["b", "a"]).registered == "a, b")
        let many = task(handlers: (100..<200).map { "tasks.\($0)" }).registered
        #expect(many == "tasks.100, tasks.101, tasks.102, tasks.103, tasks.104, tasks.105 and 94 more")
    }

    @Test func longNamesAreCut() {
        let long = String(repeating: "x", count: 100_000)
        #expect(task(handlers: (0..<10).map { "\($0)" + long }).registered.utf8.count < 500)
    }
}
