import CeleryIO
import CeleryProtocol
import Logging
import TestSupport
import Testing

@testable import CeleryTransport

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite(.timeLimit(.minutes(1))) struct RPCResultStoreTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// The broker in memory, with notes of what is done to it.
    private final class NotingBroker: Broker {
        let memory = MemoryBroker()
        private let notes = Locked<[String]>([])
        var noted: [String] { notes.withLock { $0 } }
        var location: String { memory.location }

        func note(_ text: String) { notes.withLock { $0.append(text) } }

        func makeProducer(logger: Logger) async throws -> any Producer { NotingProducer(broker: self) }

        func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
            NotingConsumer(
                consumer: try await memory.makeConsumer(configuration, logger: logger), broker: self)
        }
    }

    private struct NotingProducer: Producer {
        let broker: NotingBroker

        func publish(_ message: Message, to destination: Destination) async throws {
            let result = try TaskResult(encoded: message.body)
            if result.id == "bad" { throw TransportError(.rejected, "not this one") }
            // The longer, the earlier the state: those sent at once would overtake each other.
            if case .integer(let turns) = result.result { for _ in 0..<turns { await Task.yield() } }
            broker.note("\(result.id) \(result.state.rawValue)")
        }

        func close() async {}
    }

    private struct NotingConsumer: Consumer {
        let consumer: any Consumer
        let broker: NotingBroker

        func receive(
            room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
        ) async throws {
            try await consumer.receive(room: room, deliver)
        }
        func roomHasGrown() { consumer.roomHasGrown() }
        func holds(_ tag: DeliveryTag) -> Bool { consumer.holds(tag) }
        func settle(_ tag: DeliveryTag, _ settlement: Settlement) { consumer.settle(tag, settlement) }
        func flush() async {}
        func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }
        func adjustPrefetch(extra: Int) {}
        func stop() async { await consumer.stop() }
        func close() async {
            await consumer.close()
            broker.note("closed")
        }
    }

    private let broker = NotingBroker()
    private let store: RPCResultStore

    init() {
        store = RPCResultStore(
            ResultStoreContext(broker: broker, replyTo: "replies", logger: Self.logger), isPersistent: false)
    }

    private func result(_ id: String, _ state: TaskState, _ value: Int = 0) -> StoredResult {
        StoredResult(
            TaskResult(id: id, state: state, result: .integer(value)),
            route: ReplyRoute(replyTo: "there", correlationID: id))
    }

    /// A reply from a worker.
    private func arrive(_ id: String, _ state: TaskState = .success) {
        let message = Message(
            properties: MessageProperties(correlationID: id),
            body: TaskResult(id: id, state: state, result: 1).encoded())
        broker.memory.push(KombuEnvelope.encode(message), to: "replies")
    }

    @Test func closingClosesTheConsumer() async throws {
        try await store.prepare()
        store.addInterest(in: "a", isSent: true)
        arrive("a")
        for try await _ in try await store.updates(of: "a") {}
        await store.close()
        #expect(broker.noted == ["closed"])
    }

    @Test func aResultIsKeptUntilItIsClaimed() async throws {
        store.addInterest(in: "a", isSent: true)
        arrive("a")
        for try await _ in try await store.updates(of: "a") {}
        #expect(try await store.result(of: "a")?.state == .success)
        #expect(store.keptCount == 1)
        store.claim("a")
        await #expect(throws: TransportError.self) { try await store.result(of: "a") }
        #expect(store.keptCount == 0)
        await store.close()
    }

    @Test func theStatesOfATaskAreSentInTheirOrder() async throws {
        try await store.store([
            result("a", .started, 100), result("b", .started, 50), result("a", .retry, 10), result("a", .success),
            result("b", .success),
        ])
        #expect(broker.noted.filter { $0.hasPrefix("a") } == ["a STARTED", "a RETRY", "a SUCCESS"])
        #expect(broker.noted.filter { $0.hasPrefix("b") } == ["b STARTED", "b SUCCESS"])
    }

    @Test func aResultThatCannotBeSentDoesNotKeepTheOthersBack() async throws {
        let results = [result("bad", .success)] + (0..<50).map { result("good-\($0)", .success, 20) }
        let failures = await store.store(contentsOf: results)
        #expect(Array(failures.keys) == [0])
        #expect((failures[0] as? TransportError)?.code == .rejected)
        #expect(broker.noted.count == 50)
    }

    @Test func manyRepliesThatAreNoResultsAreAFewLines() async throws {
        let log = LogLines()
        let store = RPCResultStore(
            ResultStoreContext(broker: broker, replyTo: "replies", logger: log.logger), isPersistent: false)
        for number in 0..<100 {
            broker.memory.push(Array("\(number) \n".utf8), to: "replies")
        }
        store.addInterest(in: "a", isSent: true)
        arrive("a")
        for try await _ in try await store.updates(of: "a") {}
        // One more every ten seconds that it takes.
        #expect((1...10).contains(log.lines.count))
        #expect(log.lines.first?.contains("ignored replies that are no results") == true)
        await store.close()
    }

    @Test func whatIsForgottenIsALineAndNotOneForEachResult() async throws {
        let log = LogLines()
        let store = RPCResultStore(
            ResultStoreContext(broker: broker, replyTo: "replies", logger: log.logger), isPersistent: false,
            keptResults: 2)
        let ids = (0..<10).map { "task-\($0)" }
        for id in ids { store.addInterest(in: id, isSent: true) }
        for id in ids {
            arrive(id)
            for try await _ in try await store.updates(of: id) {}
        }
        #expect(store.keptCount == 10)
        #expect(log.lines == [])
        // Nobody is interested any more: only so many are kept.
        for id in ids { store.endInterest(in: id) }
        #expect(store.keptCount == 2)
        #expect(log.lines == ["warning: forgot results that nobody has asked for count=1 kept=2"])
        // What comes for nobody is counted in the same line's successor.
        store.addInterest(in: "stray", isSent: true)
        store.endInterest(in: "stray")
        arrive("stray")
        for try await _ in try await store.updates(of: "stray") {}
        #expect(store.keptCount == 2)
        #expect(log.lines.count == 1)
        await store.close()
    }
}
