import Celery
import CeleryProtocol
import CeleryTesting
import Testing

@testable import celery_swift

/// Numbers that a caller can send to the stock tasks and that nothing can be done with.
@Suite struct StockWorkerTests {
    func run(_ task: String, _ args: [JSONValue], retries: JSONValue = 0) async throws -> Replay.Outcome {
        let headers: JSONObject = ["task": .string(task), "id": "the-id", "retries": retries]
        return try await Replay { StockWorker().handlers }.run(
            Message(headers: headers, body: TaskPayload(args: args).encoded()))
    }

    @Test(
        arguments: [
            (.double(.infinity), "OverflowError", "timestamp out of range for platform time_t"),
            (.double(-.infinity), "OverflowError", "timestamp out of range for platform time_t"),
            (1e300, "OverflowError", "timestamp out of range for platform time_t"),
            (9_223_372_037, "OverflowError", "timestamp out of range for platform time_t"),
            (.integer(.max), "OverflowError", "timestamp out of range for platform time_t"),
            (.double(.nan), "ValueError", "Invalid value NaN (not a number)"),
            (-1, "ValueError", "sleep length must be non-negative"),
            (-0.5, "ValueError", "sleep length must be non-negative"),
        ] as [(JSONValue, String, String)])
    func aPauseThatPythonRefusesIsThePythonFailure(seconds: JSONValue, type: String, message: String) async throws {
        guard case .failure(let failure) = try await run("swift.sleep", [seconds]) else {
            Issue.record("it is no failure")
            return
        }
        #expect(failure.type == type)
        #expect(failure.message == message)
    }

    @Test func theLongestPauseCanBeCancelled() async throws {
        let task = Task { try await run("swift.sleep", [9_223_372_035]) }
        task.cancel()
        #expect(try await task.value == .interrupted)
    }

    @Test func triesThatCannotBeCountedAreAFailure() async throws {
        guard case .failure(let failure) = try await run("swift.flaky", [5], retries: .integer(.max)) else {
            Issue.record("it is no failure")
            return
        }
        #expect(failure.type == "OverflowError")
    }

    @Test func fewerTriesThanNoneAreNone() async throws {
        #expect(try await run("swift.flaky", [1], retries: -1) == .success(1))
        #expect(try await run("swift.flaky", [2], retries: -1) == .retry(after: .zero, reason: nil))
    }
}
