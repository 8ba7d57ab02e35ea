import Celery

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How long a worker takes: from the call to the task's end by the worker's own clock (`date_done`), and to the value in
/// the caller's hand.
struct Latency {
    let client: CeleryClient
    let queue: String
    let task: String

    /// Not on the main actor: like the requests of a server, which any thread goes on with.
    @concurrent func run(count: Int, pause: Double) async throws -> String {
        let options = SendOptions(queue: queue)
        for _ in 0..<5 {
            _ = try await client.enqueue(named: task, arguments: [2, 3], options: options).value(timeout: .seconds(30))
        }
        let clock = ContinuousClock()
        var starts: [Double] = []
        var trips: [Double] = []
        for _ in 0..<count {
            if pause > 0 { try await Task.sleep(for: .seconds(pause) as Duration) }
            let (called, begin) = (Date(), clock.now)
            let handle = try await client.enqueue(named: task, arguments: [2, 3], options: options)
            _ = try await handle.value(timeout: .seconds(30))
            trips.append((clock.now - begin) / .seconds(1))
            guard let done = try await handle.result()?.dateDone else {
                throw BenchError(description: "a result without a time")
            }
            starts.append(try PythonDateTime(isoparse: done).date().timeIntervalSince(called))
        }
        return #"{"starts": \#(starts), "trips": \#(trips)}"#
    }
}
