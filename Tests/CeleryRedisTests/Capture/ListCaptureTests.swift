import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

@Suite(.timeLimit(.minutes(1))) final class ListCaptureTests: Sendable {
    /// One list of a server, its left end first, that others use meanwhile.
    private final class List: Sendable {
        private struct State {
            var entries: [Int] = []
            var next = 0
        }

        private let state = Locked(State())

        var count: Int { state.withLock { $0.entries.count } }

        /// Senders push so many at the left, workers pop so many at the right.
        func change(pushing pushed: Int, popping popped: Int = 0) {
            state.withLock { state in
                for _ in 0..<pushed {
                    state.entries.insert(state.next, at: 0)
                    state.next += 1
                }
                state.entries.removeLast(min(popped, state.entries.count))
            }
        }

        func answer(_ command: [String]) -> String {
            guard command.count > 1, command[1] == "orders" else { return command[0] == "LLEN" ? ":0\r\n" : "*0\r\n" }
            let entries = state.withLock { $0.entries }
            guard command[0] == "LRANGE", let start = Int(command[2]), let end = Int(command[3]) else {
                return ":\(entries.count)\r\n"
            }
            let lower = max(0, start < 0 ? entries.count + start : start)
            let upper = min(entries.count - 1, end < 0 ? entries.count + end : end)
            let found = lower <= upper ? entries[lower...upper].map { "\($0)" } : []
            return "*\(found.count)\r\n" + found.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        }
    }

    private let list = List()
    private let received = Locked<[Int]>([])

    /// - Parameter between: what others do after each command.
    private func withCapture(
        _ between: @escaping @Sendable (List) -> Void = { _ in },
        _ body: (inout ListCapture) async throws -> Void
    ) async throws {
        let server = try RedisConnectionTests.loggedIn { [list] command in
            defer { between(list) }
            return .bytes(list.answer(command))
        }
        let connection = try await RedisConnection.open(
            server.address, name: "a test", logger: RedisConnectionTests.logger)
        var capture = ListCapture("orders", KombuKeys(), connection)
        try await body(&capture)
        await connection.close()
    }

    private var receive: CapturingBroker.Receiver {
        { [self] messages in
            received.withLock { $0 += messages.compactMap { $0["raw"]?.stringValue.flatMap { Int($0) } } }
            return true
        }
    }

    private func all(_ capture: inout ListCapture) async throws {
        let isMoreWanted = try await capture.capture(upTo: .max, receive)
        #expect(isMoreWanted)
    }

    private func news(_ capture: inout ListCapture) async throws {
        let isMoreWanted = try await capture.captureNews(receive)
        #expect(isMoreWanted)
    }

    @Test func whatWaitsIsCopiedInTheOrderInWhichItIsServed() async throws {
        list.change(pushing: 1050)
        try await withCapture { try await all(&$0) }
        #expect(received.withLock { $0 } == Array(0..<1050))
    }

    @Test func aListThatIsFilledAsFastAsItIsDrainedHasAnEnd() async throws {
        list.change(pushing: 500)
        try await withCapture({ $0.change(pushing: 70, popping: 70) }) { capture in
            try await all(&capture)
        }
        let received = received.withLock { $0 }
        // No more than waited, none twice, and each in its turn.
        #expect(received.count <= 500 && received == Set(received).sorted())
        #expect(list.count == 500)
    }

    @Test func whatIsPushedWhileAListIsReadComesOnceAndInOrder() async throws {
        let left = Locked(40)
        let grow: @Sendable (List) -> Void = { list in
            // Faster than it is read by pages.
            let isGrowing = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if isGrowing { list.change(pushing: 150) }
        }
        list.change(pushing: 10)
        try await withCapture(grow) { capture in
            try await all(&capture)
            while left.withLock({ $0 > 0 }) { try await news(&capture) }
            try await news(&capture)
        }
        #expect(received.withLock { $0 } == Array(0..<(10 + 40 * 150)))
    }

    @Test func whatWorkersTakeWhileAListIsReadChangesNoOrder() async throws {
        list.change(pushing: 10)
        try await withCapture({ $0.change(pushing: 37, popping: 37) }) { capture in
            try await all(&capture)
            for _ in 0..<50 {
                list.change(pushing: 60)
                try await news(&capture)
            }
        }
        let received = received.withLock { $0 }
        #expect(received.count > 1000 && received == Set(received).sorted())
    }

    @Test func ofAListThatIsFollowedOnlyTheNewestEntriesAreRemembered() async throws {
        try await withCapture { capture in
            try await all(&capture)
            for _ in 0..<40 {
                // Workers keep up.
                list.change(pushing: 100, popping: list.count)
                try await news(&capture)
            }
            #expect(capture.newest["orders"]?.count == ListCapture.memory)
            try await news(&capture)
        }
        #expect(received.withLock { $0 } == Array(0..<4000))
    }
}
