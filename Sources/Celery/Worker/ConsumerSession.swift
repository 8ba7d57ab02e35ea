internal import CeleryTransport
internal import Synchronization

/// One connection's worth of consuming: what was received over it is counted here and settled through it.
final class ConsumerSession: Sendable {
    private struct Load {
        /// Received and not settled, without those that wait for their eta.
        var unsettled = 0
        /// Received and not concluded.
        var open = 0
        /// Whether the connection is lost.
        var isLost = false
    }

    /// However large the prefetch count, no more tasks than this are between receipt and conclusion.
    private static let largestLoad = 2000

    let consumer: any Consumer
    private let load = Mutex(Load())
    private let hasRoom = WakeSignal()
    private let prefetch: Int
    /// New messages are asked for when so many can be had at once, not one by one.
    private let worthwhile: Int

    init(_ consumer: any Consumer, prefetch: Int, concurrency: Int) {
        self.consumer = consumer
        self.prefetch = prefetch == 0 ? Self.largestLoad : min(prefetch, Self.largestLoad)
        worthwhile = max(1, (self.prefetch - concurrency + 1) / 2)
    }

    /// Waits until there is room, receives, and counts what came.
    func receive() async throws -> [Delivery] {
        var room = load.withLock { self.room($0) }
        while room < worthwhile {
            try await hasRoom.wait()
            room = load.withLock { self.room($0) }
        }
        let deliveries = try await consumer.receive(upTo: room)
        load.withLock { load in
            load.unsettled += deliveries.count
            load.open += deliveries.count
        }
        return deliveries
    }

    /// The connection is lost: what was received over it and has not started is delivered again.
    func markLost() {
        load.withLock { $0.isLost = true }
    }

    /// Whether the connection is lost.
    var isLost: Bool { load.withLock { $0.isLost } }

    /// Tells the broker what became of a message.
    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        consumer.settle(tag, settlement)
        count { $0.unsettled -= 1 }
    }

    /// The message needs no further attention.
    func conclude() {
        count { $0.open -= 1 }
    }

    /// The message is put aside until its eta and does not take part in the prefetch count meanwhile.
    func putAside() {
        count {
            $0.unsettled -= 1
            $0.open -= 1
        }
    }

    /// The eta of a message that was put aside has come.
    func takeBack() {
        count {
            $0.unsettled += 1
            $0.open += 1
        }
    }

    private func count(_ change: (inout Load) -> Void) {
        let room = load.withLock { load in
            change(&load)
            return self.room(load)
        }
        if room >= worthwhile { hasRoom.signal() }
    }

    private func room(_ load: Load) -> Int {
        min(prefetch - load.unsettled, Self.largestLoad - load.open)
    }
}
