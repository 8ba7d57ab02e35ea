import CeleryIO
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import Celery

/// How many batches of a large group are under way at a time.
@Suite(.timeLimit(.minutes(1))) struct PublishWindowTests {
    private static let largest = TaskPublisher.largestBatch
    private static let window = TaskPublisher.largestWindow

    /// Sends so many batches as one group; what comes of that.
    private func send(_ batches: Int, to broker: ScriptedBatches) throws -> Task<Int, any Error> {
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let calls = (0..<batches * Self.largest).map { Signature(task: "add", arguments: [.integer($0)]) }
        return Task {
            let result: Result<Int, any Error>
            do {
                result = .success(try await client.enqueue(contentsOf: calls).tasks.count)
            } catch {
                result = .failure(error)
            }
            await client.close()
            return try result.get()
        }
    }

    @Test func theNextBatchesAreMadeAndWrittenWhileTheBrokerConfirmsOthers() async throws {
        let broker = ScriptedBatches()
        let sending = try send(Self.window + 2, to: broker)
        var begun = try await broker.begun.next(Self.window)
        // The last one is confirmed first.
        begun.removeLast().confirm()
        begun.append(try await broker.begun.next())
        begun.removeFirst().confirm()
        begun.append(try await broker.begun.next())
        for batch in begun { batch.confirm() }
        #expect(try await sending.value == (Self.window + 2) * Self.largest)
        #expect(broker.mostUnderWay == Self.window)
        #expect(Set(broker.taken).count == (Self.window + 2) * Self.largest)
    }

    @Test func aBatchThatIsRefusedEndsTheSendingWhenThoseUnderWayAreSent() async throws {
        let broker = ScriptedBatches()
        let sending = try send(3 * Self.window, to: broker)
        let begun = try await broker.begun.next(Self.window)
        begun[1].confirm(except: [3: TransportError(.rejected, "the queue is full")])
        for (position, batch) in begun.enumerated() where position != 1 { batch.confirm() }
        // Another one may be heard of before the failure.
        let confirming = Task { while true { try await broker.begun.next().confirm() } }
        let error = await #expect(throws: TransportError.self) { try await sending.value }
        confirming.cancel()
        #expect(error?.message == "the queue is full")
        #expect(broker.batches <= 2 * Self.window && broker.cancelled == 0)
        #expect(broker.taken.count == broker.batches * Self.largest - 1)
    }

    @Test func ofBatchesThatALostConnectionInterruptsWhatIsLeftIsSentAgain() async throws {
        let broker = ScriptedBatches()
        let sending = try send(2, to: broker)
        let lost = TransportError(.connectionLost, "the connection is lost")
        let begun = try await broker.begun.next(2)
        begun[0].confirm(except: [5: lost, 7: lost])
        begun[1].confirm(except: [0: lost])
        let again = try await broker.begun.next(2)
        #expect(Set(again.map(\.count)) == [1, 2])
        for batch in again { batch.confirm() }
        #expect(try await sending.value == 2 * Self.largest)
        #expect(broker.taken.count == 2 * Self.largest)
        #expect(Set(broker.taken).count == 2 * Self.largest)
        // Both found the same connection broken.
        #expect(broker.connections == 2)
    }

    @Test func aSenderThatIsCancelledBeginsNoFurtherBatch() async throws {
        let broker = ScriptedBatches()
        let sending = try send(Self.window + 2, to: broker)
        _ = try await broker.begun.next(Self.window)
        sending.cancel()
        await #expect(throws: CancellationError.self) { try await sending.value }
        #expect(broker.taken.isEmpty && broker.batches == Self.window)
    }

    /// The size of a chord is told when all of its header but the last message is sent.
    @Test func theSizeOfAChordIsToldWhenAllBatchesOfItsHeaderAreConfirmed() async throws {
        let broker = ScriptedBatches()
        let notes = Notes<Int>()
        let client = try CeleryClient(
            broker: broker, backend: OpenedChords { notes.add(broker.taken.count) }, logger: Bench.logger)
        let header = (0...2 * Self.largest).map { Signature(task: "add", arguments: [.integer($0)]) }
        let chord = group(header).then(Partial<[JSONValue], JSONValue>(task: "sum"))
        let sending = Task { _ = try await client.enqueue(chord) }
        for batch in try await broker.begun.next(2).reversed() { batch.confirm() }
        #expect(try await notes.next() == 2 * Self.largest)
        try await broker.begun.next().confirm()
        try await sending.value
        await client.close()
    }
}

/// Says when a chord is opened, and knows nothing else.
private struct OpenedChords: ResultBackend {
    let memory = MemoryResultBackend()
    let opened: @Sendable () -> Void

    init(_ opened: @escaping @Sendable () -> Void) { self.opened = opened }

    var location: String { "scripted://" }

    func makeResultStore(context: ResultStoreContext) throws -> any ResultStore {
        Store(store: try memory.makeResultStore(context: context), opened: opened)
    }

    private struct Store: ResultStore {
        let store: any ResultStore
        let opened: @Sendable () -> Void

        var joinsChords: Bool { true }
        func prepare() async throws {}
        func store(contentsOf results: [StoredResult]) async -> [Int: any Error] { [:] }
        func result(of id: String) async throws -> TaskResult? { nil }
        func watch(_ id: String, _ watcher: ResultWatcher) async throws {}
        func forget(_ id: String) async throws {}
        func openChord(_ group: String, size: Int) async throws { opened() }
        func close() async { await store.close() }
    }
}
