import Celery
import CeleryProtocol
import Foundation
import Testing

struct ClusterStateTests {
    private let start = Date(timeIntervalSince1970: 1_795_220_000)

    private func event(
        _ type: String, _ fields: JSONObject = [:], node: String = "w@h", clock: Int = 1, after seconds: Double = 0
    ) throws -> CeleryEvent {
        var fields = fields
        fields["type"] = .string(type)
        fields["hostname"] = .string(node)
        fields["clock"] = .integer(clock)
        fields["timestamp"] = .double(start.timeIntervalSince1970 + seconds)
        return try CeleryEvent(.object(fields), received: start + seconds)
    }

    @Test func aWorkerIsThereForTwiceItsInterval() throws {
        var cluster = ClusterState()
        cluster.apply(try event("worker-online", ["freq": 2.0, "sw_ident": "py-celery"]))
        cluster.apply(try event("worker-heartbeat", ["freq": 2.0, "active": 3], after: 2))
        let worker = try #require(cluster.worker("w@h"))
        #expect(worker.report.active == 3 && worker.report.software == "py-celery")
        #expect(worker.isAlive(at: start + 5.9) && !worker.isAlive(at: start + 6))
        #expect(cluster.workers(aliveAt: start + 6).isEmpty && cluster.workers.count == 1)
        // Whoever tells of a task is there, too.
        cluster.apply(try event("task-started", ["uuid": "a"], after: 10))
        #expect(cluster.workers(aliveAt: start + 13).map(\.name) == ["w@h"])
        cluster.apply(try event("worker-offline", after: 12))
        #expect(cluster.workers.isEmpty)
    }

    @Test func aTasksLifeIsPutTogether() throws {
        var cluster = ClusterState()
        cluster.apply(try event("task-sent", ["uuid": "a", "name": "add", "queue": "q"], node: "gen1@h"))
        cluster.apply(
            try event("task-received", ["uuid": "a", "name": "add", "args": "(1,)", "parent_id": "p"], clock: 2))
        cluster.apply(try event("task-started", ["uuid": "a"], clock: 3, after: 1))
        cluster.apply(try event("task-succeeded", ["uuid": "a", "result": "1", "runtime": 0.5], clock: 4, after: 2))
        let task = try #require(cluster.task("a"))
        #expect(task.state == .success && task.result == "1" && task.runtime == .milliseconds(500))
        #expect((task.call.name, task.call.arguments, task.call.parentID) == ("add", "(1,)", "p"))
        #expect((task.client, task.worker, task.queue) == ("gen1@h", "w@h", "q"))
        #expect(task.times == [.pending: start, .received: start, .started: start + 1, .success: start + 2])
        #expect(task.timestamp == start + 2 && task.clock == 4)
        #expect(cluster.eventCount == 4 && cluster.receivedCount == 1)
    }

    @Test func whatComesLateChangesNoState() throws {
        var cluster = ClusterState()
        cluster.apply(try event("task-succeeded", ["uuid": "a", "result": "1"], clock: 4, after: 2))
        cluster.apply(try event("task-received", ["uuid": "a", "name": "add"], clock: 2))
        cluster.apply(try event("task-sent", ["uuid": "a", "queue": "q"], node: "gen1@h", clock: 1))
        let task = try #require(cluster.task("a"))
        #expect(task.state == .success && task.call.name == "add" && task.queue == "q")
        // The next try begins anew.
        cluster.apply(try event("task-retried", ["uuid": "b", "exception": "Retry()"], clock: 5))
        cluster.apply(try event("task-received", ["uuid": "b"], clock: 6))
        #expect(cluster.task("b")?.state == .received && cluster.task("b")?.exception == "Retry()")
    }

    @Test func tasksAreOrderedByTheirClocks() throws {
        var cluster = ClusterState()
        for (id, clock) in [("a", 5), ("b", 9), ("c", 7)] {
            cluster.apply(try event("task-started", ["uuid": .string(id)], clock: clock))
        }
        #expect(cluster.tasks.map(\.id) == ["a", "b", "c"])
        #expect(cluster.latestTasks().map(\.id) == ["b", "c", "a"])
        #expect(cluster.latestTasks(1).map(\.id) == ["b"])
    }

    @Test func theOldestAreForgotten() throws {
        var cluster = ClusterState(mostWorkers: 3, mostTasks: 10)
        for number in 0..<100 {
            cluster.apply(
                try event("task-started", ["uuid": .string("\(number)")], node: "w\(number % 50)@h", clock: number))
        }
        #expect(cluster.tasks.map(\.id) == (90..<100).map(String.init))
        #expect(cluster.workers.map(\.name) == ["w47@h", "w48@h", "w49@h"])
        // One that comes and goes takes no room.
        for _ in 0..<50 {
            cluster.apply(try event("worker-online", node: "guest@h"))
            cluster.apply(try event("worker-offline", node: "guest@h"))
        }
        #expect(cluster.workers.count <= 3)
    }

    @Test func eventsOfOnesOwnHaveTheirNamesAsStates() throws {
        var cluster = ClusterState()
        cluster.apply(try event("task-progress", ["uuid": "a"]))
        #expect(cluster.task("a")?.state.rawValue == "PROGRESS")
        cluster.apply(try event("shop-closed"))
        cluster.apply(try event("worker-dance"))
        #expect(cluster.workers.map(\.name) == ["w@h"] && cluster.eventCount == 3)
    }
}
