/// Does something, again and again while it fails in a way that passes: the one loop for all that is tried again.
///
/// - Parameters:
///   - schedule: how long to wait before each further try.
///   - tries: how many further tries there are without progress; `nil` for no limit.
///   - isPassing: whether it makes sense to try again after this error.
///   - willRetry: told of the error and of the wait that follows; for the log.
///   - pause: waits. By default for as long as the calling task is not cancelled.
///   - body: what to do. It may report progress to the schedule that it is given.
/// - Throws: the error after which there was no further try, or what `pause` throws.
package func retrying<Value>(
    _ schedule: RetrySchedule,
    tries: Int? = nil,
    while isPassing: (any Error) -> Bool,
    willRetry: (_ error: any Error, _ delay: Duration) -> Void = { _, _ in },
    pause: (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    _ body: (inout RetrySchedule) async throws -> Value
) async throws -> Value {
    var schedule = schedule
    while true {
        do {
            return try await body(&schedule)
        } catch  where isPassing(error) {
            if let tries, schedule.failures >= tries { throw error }
            let delay = schedule.nextDelay()
            willRetry(error, delay)
            if delay > .zero { try await pause(delay) }
        }
    }
}
