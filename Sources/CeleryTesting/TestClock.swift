internal import Celery
internal import CeleryProtocol

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A clock that stands still until a test moves it: what etas, countdowns, expiries and retries go by in a
/// `withTestCelery` that is given it.
///
///     let clock = TestClock()
///     try await withTestCelery(clock: clock) {
///         Tasks.handlers
///     } _: { client in
///         let task = try await client.enqueue(Tasks.remind("Ann"), options: SendOptions(countdown: .seconds(86_400)))
///         clock.advance(by: .seconds(86_400))
///         #expect(try await task.value() == "reminded")
///     }
public final class TestClock: Sendable {
    let time: ManualTime

    /// Makes a clock.
    ///
    /// - Parameter now: the time at which it stands.
    public init(now: Date = Date()) { time = ManualTime(now) }

    /// The time at which it stands.
    public var now: Date { time.now }

    /// Moves it forward. Tasks whose time has come run, those that came too late do not.
    public func advance(by duration: Duration) {
        time.advance(to: time.now.addingTimeInterval(duration.inSeconds))
    }

    /// Moves it to a time, unless that is past.
    public func advance(to date: Date) { time.advance(to: date) }

    /// Waits until the worker has a task that waits for its time, such as one that is tried again later, and moves the
    /// clock to that time; to the earliest of several. Waits for as long as there is no such task.
    ///
    /// - Returns: the time.
    /// - Throws: `CancellationError` when the calling task is cancelled.
    @discardableResult
    public func advanceToNextTask() async throws -> Date { try await time.advanceToNext() }
}
