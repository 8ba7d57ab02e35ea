import Celery

/// How many messages a second one client publishes for so many callers at once; each waits for its own message.
struct Publishing {
    let client: CeleryClient
    let queue: String
    let task: String
    /// In how many seconds each task is to run; `nil` for at once.
    var countdown: Duration?

    func run(count: Int, callers: Int) async throws -> String {
        if countdown == nil { try await send(1) }
        let cpu = CPUTime.now
        let clock = ContinuousClock()
        let each = max(1, count / callers)
        let duration = try await clock.measure {
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<callers { group.addTask { try await send(each) } }
            }
        }
        return """
            {"count": \(each * callers), "seconds": \(duration / .seconds(1)), "cpu": \(CPUTime.now - cpu)}
            """
    }

    private func send(_ count: Int) async throws {
        let options = SendOptions(countdown: countdown, queue: queue, ignoreResult: true)
        for _ in 0..<count { try await client.enqueue(named: task, arguments: [2, 3], options: options) }
    }
}
