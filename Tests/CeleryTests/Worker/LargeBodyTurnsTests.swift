import CeleryProtocol
import TestSupport
import Testing

@testable import Celery

@Suite struct LargeBodyTurnsTests {
    private let turns = LargeBodyTurns()
    /// What comes to pass, in order.
    private let events = Notes<String>()

    private func read(_ name: String, _ end: @escaping @Sendable (LargeBodyTurn) -> Void) -> Task<Void, Never> {
        Task { [turns, events] in
            let turn = await turns.next()
            events.add("\(name) begins")
            for _ in 0..<100 { await Task.yield() }
            events.add("\(name) ends")
            end(turn)
        }
    }

    @Test func bodiesAreReadOneAfterTheOther() async throws {
        let tasks = (0..<10).map { _ in read("body") { $0.end() } }
        #expect(
            try await events.next(20) == (0..<20).map { $0.isMultiple(of: 2) ? "body begins" : "body ends" })
        for task in tasks { await task.value }
        // And the turn is free again.
        await turns.next().end()
    }

    @Test func aTurnThatIsForgottenEnds() async throws {
        let task = read("first") { _ in }
        #expect(try await events.next(2) == ["first begins", "first ends"])
        await task.value
        await turns.next().end()
    }

    @Test func aTurnThatEndsTwiceEndsOnce() async throws {
        let first = await turns.next()
        first.end()
        let second = await turns.next()
        first.end()
        let third = read("third") { $0.end() }
        events.add("second ends")
        second.end()
        #expect(try await events.next(3) == ["second ends", "third begins", "third ends"])
        await third.value
    }

    @Test func aTaskThatGoesOnHoldsUpNobodyForLong() async {
        let long = await turns.next()
        long.isRead(size: LargeBodyTurns.smallest)
        await turns.next().end()
        // A body that was not large after all ends its turn at once.
        let small = await turns.next()
        small.isRead(size: LargeBodyTurns.smallest - 1)
        await turns.next().end()
        withExtendedLifetime((long, small)) {}
    }

    @Test func aCompressedBodyMayBeLarge() throws {
        let text = [UInt8](repeating: 32, count: 8 << 20)
        let compressed = try Zlib.compress(text)
        let message = Message(headers: ["compression": "application/x-gzip"], body: compressed)
        #expect(message.largestBodySize >= text.count)
        #expect(Message(body: text).largestBodySize == text.count)
        #expect(Message(body: compressed).largestBodySize == compressed.count)
    }
}
