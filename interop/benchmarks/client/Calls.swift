import Celery

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Many calls at once whose results are to come. Whoever started this measures its memory between these steps: a call
/// has been made and answered (`ready` is printed, a line is waited for); all are under way (with `handles` that is
/// `sent`); all have their values (the line of JSON).
struct Calls {
    let client: CeleryClient
    let queue: String
    let task: String
    let arguments: [JSONValue]

    /// - Parameter mode: `group` for one group of all calls, which is sent and waited for as a whole; `tasks` for a task of its own for each call, in which it is sent and waited for; `handles` for
    ///   an array of handles, of which each is waited for after the one before.
    func run(count: Int, mode: String) async throws -> String {
        try await call()
        announce("ready")
        _ = readLine()
        let cpu = CPUTime.now
        switch mode {
        case "tasks":
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<count { group.addTask { try await call() } }
            }
        case "handles":
            let handles = try await handles(count)
            announce("sent")
            for handle in handles { _ = try await handle.value() }
        case "group":
            let call = Signature<JSONValue>(task: task, arguments: arguments)
            let calls = Array(repeating: call, count: count)
            let group = try await client.enqueue(contentsOf: calls, options: SendOptions(queue: queue))
            announce("sent")
            _ = try await group.values()
        default:
            throw BenchError(description: "\(mode) is neither tasks nor handles nor group")
        }
        return #"{"count": \#(count), "cpu": \#(CPUTime.now - cpu)}"#
    }

    private func call() async throws { _ = try await send().value() }

    private func send() async throws -> TaskHandle<JSONValue> {
        try await client.enqueue(named: task, arguments: arguments, options: SendOptions(queue: queue))
    }

    private func handles(_ count: Int) async throws -> [TaskHandle<JSONValue>] {
        let callers = 64
        return try await withThrowingTaskGroup(of: [TaskHandle<JSONValue>].self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var handles: [TaskHandle<JSONValue>] = []
                    for _ in stride(from: caller, to: count, by: callers) { handles.append(try await send()) }
                    return handles
                }
            }
            var all: [TaskHandle<JSONValue>] = []
            all.reserveCapacity(count)
            for try await handles in group { all += handles }
            return all
        }
    }

    /// At once: the output is a pipe.
    private func announce(_ word: String) {
        print(word)
        fflush(nil)
    }
}
