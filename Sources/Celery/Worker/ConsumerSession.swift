internal import CeleryIO
internal import CeleryTransport

/// One connection's worth of consuming: what was received over it is counted here and settled through it.
///
/// The prefetch count is what Celery's setting says. While tasks are so short that the way to the broker takes longer
/// than the tasks that are held, more are read ahead, up to ``largestWindow``: a batch that is worked off within
/// milliseconds keeps nothing from other workers. As soon as it is not, the surplus is given back.
final class ConsumerSession: Sendable {
    private struct Load {
        /// Received and not settled, without those that wait for their eta.
        var unsettled = 0
        /// Received and not concluded.
        var open = 0
        /// Whether the connection is lost.
        var isLost = false
        /// How many may be unsettled at present.
        var window: Int
        /// Those that wait for their eta.
        var waitingForEta = 0
        /// When the last batch came, if it was as large as the room there was.
        var lastFullBatch: ContinuousClock.Instant?
    }

    /// However large the prefetch count, no more tasks than this are between receipt and conclusion, unless more run.
    private static let usualLoad = 2000
    /// As far as is ever read ahead beyond the prefetch count.
    private static let largestWindow = 128
    /// A batch that is worked off in this time makes the window grow.
    private static let shortBatch = Duration.milliseconds(4)
    /// Messages beyond the prefetch count that are held for this time go back.
    private static let longestSurplus = Duration.milliseconds(40)

    let consumer: any Consumer
    private let load: Locked<Load>
    private let hasRoom = WakeSignal()
    private let prefetch: Int
    private let concurrency: Int
    private let largestLoad: Int

    init(_ consumer: any Consumer, prefetch: Int, concurrency: Int) {
        self.consumer = consumer
        let (double, isTooLarge) = concurrency.multipliedReportingOverflow(by: 2)
        largestLoad = max(Self.usualLoad, isTooLarge ? concurrency : double)
        self.prefetch = prefetch == 0 ? largestLoad : min(prefetch, largestLoad)
        self.concurrency = concurrency
        load = Locked(Load(window: self.prefetch))
    }

    /// Waits until there is room, receives, and counts what came.
    ///
    /// - Parameter giveBack: called with the number of messages that were read ahead and are not worked off. May
    ///   be called while nothing comes.
    func receive(_ giveBack: (_ count: Int) -> Void) async throws -> [Delivery] {
        while true {
            let room = try await roomForMore(giveBack)
            // Others may wait for what this worker has read ahead: it is not kept until something new comes.
            let isAhead = load.withLock { $0.window > prefetch && $0.unsettled > prefetch }
            let deliveries =
                isAhead
                ? try await receive(upTo: room, atMost: Self.longestSurplus) : try await consumer.receive(upTo: room)
            load.withLock { load in
                load.unsettled += deliveries.count
                load.open += deliveries.count
                load.lastFullBatch = deliveries.count == room ? .now : nil
            }
            if !deliveries.isEmpty { return deliveries }
            shrink(giveBack)
        }
    }

    /// Waits until there is room; for how many.
    private func roomForMore(_ giveBack: (_ count: Int) -> Void) async throws -> Int {
        var room = load.withLock { self.room($0) }
        while room == 0 {
            if load.withLock({ $0.window > prefetch }) {
                if try await !waitForRoom(atMost: Self.longestSurplus) { shrink(giveBack) }
            } else {
                try await hasRoom.wait()
            }
            room = load.withLock { self.room($0) }
        }
        if let last = load.withLock({ $0.lastFullBatch }), .now - last < Self.shortBatch {
            resize { max(prefetch, min(2 * $0, Self.largestWindow)) }
        } else {
            resize { max(prefetch, $0 / 2) }
        }
        return room
    }

    /// What comes before the time is over; empty when that is nothing.
    private func receive(upTo limit: Int, atMost duration: Duration) async throws -> [Delivery] {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask { [consumer] in
                do {
                    return try await consumer.receive(upTo: limit)
                } catch is CancellationError where Task.isCancelled {
                    return []
                }
            }
            group.addTask {
                do { try await Task.sleep(for: duration) } catch is CancellationError {}
                return nil
            }
            // Both are waited for: a receipt that is cancelled may have got messages all the same.
            var deliveries: [Delivery] = []
            for try await received in group {
                group.cancelAll()
                deliveries += received ?? []
            }
            if deliveries.isEmpty { try Task.checkCancellation() }
            return deliveries
        }
    }

    private func shrink(_ giveBack: (_ count: Int) -> Void) {
        let surplus = load.withLock { $0.unsettled - prefetch }
        resize { _ in prefetch }
        if surplus > 0 { giveBack(surplus) }
    }

    /// The connection is lost: what was received over it and has not started is delivered again.
    func markLost() {
        load.withLock { $0.isLost = true }
    }

    /// Whether the connection is lost.
    var isLost: Bool { load.withLock { $0.isLost } }

    /// Whether there was room before the time was over.
    private func waitForRoom(atMost duration: Duration) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.hasRoom.wait()
                return true
            }
            group.addTask {
                try await Task.sleep(for: duration)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }

    private func resize(_ window: (Int) -> Int) {
        let extra = load.withLock { load -> Int? in
            let old = load.window
            load.window = window(old)
            return load.window == old ? nil : load.window - prefetch + load.waitingForEta
        }
        if let extra { consumer.adjustPrefetch(extra: extra) }
    }

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
    ///
    /// - Parameter isHeld: whether this worker keeps it, so that the broker must be told to send others.
    func putAside(isHeld: Bool) {
        count { load in
            load.unsettled -= 1
            load.open -= 1
            if isHeld { load.waitingForEta += 1 }
        }
        if isHeld { tellPrefetch() }
    }

    /// The eta of a message that was put aside has come.
    func takeBack() {
        count { load in
            load.unsettled += 1
            load.open += 1
            load.waitingForEta -= 1
        }
        tellPrefetch()
    }

    private func tellPrefetch() {
        consumer.adjustPrefetch(extra: load.withLock { $0.window - prefetch + $0.waitingForEta })
    }

    private func count(_ change: (inout Load) -> Void) {
        let hasRoom = load.withLock { load in
            change(&load)
            return room(load) > 0
        }
        if hasRoom { self.hasRoom.signal() }
    }

    /// How many messages to ask for; 0 unless it is worth the way: they are not asked for one by one.
    private func room(_ load: Load) -> Int {
        let room = min(load.window - load.unsettled, largestLoad - load.open)
        return room >= max(1, (load.window - concurrency + 1) / 2) ? room : 0
    }
}
