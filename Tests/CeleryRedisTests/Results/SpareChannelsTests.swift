import CeleryIO
import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct SpareChannelsTests {
    private let channels = SpareChannels()

    /// Has so many channels subscribed to, and the answers come; their ids.
    @discardableResult
    private func subscribe() -> [String] {
        let ids = channels.ask()
        for id in ids { #expect(channels.subscribed(id)) }
        return ids
    }

    private func take() -> String? { channels.take { _ in } }

    private func update(_ state: TaskState) -> ResultWatcher.Update { .success(TaskResult(id: "", state: state)) }

    private func state(_ update: ResultWatcher.Update??) throws -> TaskState? { try update??.get().state }

    @Test func whoWaitsForNoTaskHasNone() {
        #expect(take() == nil)
    }

    @Test func anIdIsGivenToOneTaskAndNotBeforeItsChannelIsSubscribedTo() {
        let ids = channels.ask()
        #expect(ids.count == 1)
        #expect(take() == nil)
        #expect(channels.ask().isEmpty)
        #expect(!channels.subscribed("other"))
        #expect(channels.subscribed(ids[0]))
        #expect(channels.ask().isEmpty)
        #expect(take() == ids[0])
        #expect(take() == nil)
    }

    @Test func whoWaitsAgainAndAgainSubscribesToMoreAtOnce() {
        var counts: [Int] = []
        for _ in 0..<6 {
            counts.append(subscribe().count)
            while take() != nil {}
        }
        #expect(counts == [1, 2, 4, 8, 8, 8])
    }

    @Test func whatIsAnnouncedBeforeSomebodyWaitsIsKept() throws {
        subscribe()
        let id = try #require(take())
        channels.announced(update(.started), size: 100, of: id)
        channels.announced(update(.success), size: 100, of: id)
        channels.announced(update(.success), size: 100, of: "other")
        #expect(try state(channels.claim(id)) == .success)
        #expect(channels.claim(id) == nil)
        #expect(channels.claim("other") == nil)
    }

    @Test func aTaskThatHasSaidNothingYetNeedsNoOtherSubscription() throws {
        subscribe()
        let claimed = channels.claim(try #require(take()))
        #expect(claimed != nil)
        #expect(try state(claimed) == nil)
    }

    @Test func ofTasksThatNobodyWaitsForOnlyTheLastOnesAreKept() throws {
        var sent: [String] = []
        var left: [String] = []
        while sent.count < 40 {
            subscribe()
            while let id = channels.take({ left += $0 }) { sent.append(id) }
        }
        #expect(left == Array(sent.dropLast(16)))
        #expect(channels.claim(try #require(left.last)) == nil)
        #expect(channels.claim(try #require(sent.last)) != nil)
    }

    @Test func aLargeResultIsNotKept() throws {
        subscribe()
        let id = try #require(take())
        channels.announced(update(.success), size: 70_000, of: id)
        #expect(channels.claim(id) == nil)
        subscribe()
        var left: [String] = []
        _ = channels.take { left += $0 }
        #expect(left == [id])
    }

    @Test func nothingOutlivesTheConnection() throws {
        subscribe()
        let sent = try #require(take())
        let ids = channels.ask()
        channels.clear()
        #expect(channels.claim(sent) == nil)
        #expect(ids.allSatisfy { !channels.subscribed($0) })
        #expect(take() == nil)
        #expect(channels.ask().count == 1)
    }
}
