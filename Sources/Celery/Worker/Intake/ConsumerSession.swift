internal import CeleryIO
internal import CeleryTransport
internal import Synchronization

/// One connection's worth of consuming: what was received over it is counted here and settled through it.
///
/// The prefetch count is what Celery's setting says. While tasks are so short that the way to the broker takes longer
/// than the tasks that are held, more are read ahead, up to ``largestWindow``: a batch that is worked off within
/// milliseconds keeps nothing from other workers. As soon as it is not, the surplus is given back.
final class ConsumerSession: Sendable {
    private struct Load {
        /// Received and not settled, without those that wait for their eta.
        var unsettled = 0
        /// Received and not finished.
        var open = 0
        /// How many may be unsettled at present.
        var window: Int
        /// Whether the broker was told what became of some message.
        var hasSettled = false
        /// Whether another session has taken its place.
        var isRetired = false
        /// Whether no more messages come, and somebody waits for the end of those that have come.
        var isEnding = false
        /// Whether a receiving call is under way.
        var isReceiving = false
        /// Those that wait for their eta.
        var waitingForEta = 0
        /// How many messages were asked for last.
        var lastRoom = 0
        /// When the last batch came, if it was as large as the room there was and none was asked for since.
        var lastFullBatch: ContinuousClock.Instant?
        /// When reading ahead ends, unless something comes before, and the number of the deadline that sees to it.
        var shrinking: (number: Int, time: ContinuousClock.Instant)?
    }

    /// However large the prefetch count, no more tasks than this are between receipt and finish, unless more run.
    private static let usualLoad = 2000
    /// As far as is ever read ahead beyond the prefetch count.
    private static let largestWindow = 128
    /// A batch that is worked off in this time makes the window grow.
    private static let shortBatch = Duration.milliseconds(4)
    /// Messages beyond the prefetch count that are held for this time go back.
    private static let longestSurplus = Duration.milliseconds(40)

    /// Sessions of the process so far.
    private static let count = Atomic(0)

    /// No other session of the process has the same.
    let number = ConsumerSession.count.add(1, ordering: .relaxed).newValue
    let consumer: any Consumer
    private let load: Locked<Load>
    private let prefetch: Int
    private let concurrency: Int
    private let largestLoad: Int
    private let deadlines: Deadlines
    private let started: StartedTasks
    /// Closed when the receiving call has ended.
    private let received = WorkQueue<Never>()
    /// Closed when all that has come is done, if somebody waits for that.
    private let done = WorkQueue<Never>()
    private let giveBack: @Sendable (_ session: ConsumerSession, _ count: Int) -> Void

    /// - Parameters:
    ///   - started: notes the tasks that are acknowledged before they run.
    ///   - giveBack: called with this session and the number of its messages that were read ahead and are not worked off.
    init(
        _ consumer: any Consumer, prefetch: Int, concurrency: Int, deadlines: Deadlines = .shared,
        started: StartedTasks = StartedTasks(),
        giveBack: @escaping @Sendable (_ session: ConsumerSession, _ count: Int) -> Void
    ) {
        self.consumer = consumer
        self.started = started
        self.deadlines = deadlines
        self.giveBack = giveBack
        let (double, isTooLarge) = concurrency.multipliedReportingOverflow(by: 2)
        largestLoad = max(Self.usualLoad, isTooLarge ? concurrency : double)
        self.prefetch = prefetch == 0 ? largestLoad : min(prefetch, largestLoad)
        self.concurrency = concurrency
        load = Locked(Load(window: self.prefetch))
    }

    /// Whether another session has taken its place. What it has received is run and settled over it all the same.
    var isRetired: Bool { load.withLock { $0.isRetired } }

    func retire() { load.withLock { $0.isRetired = true } }

    /// Whether the broker was told what became of some message.
    var hasSettled: Bool { load.withLock { $0.hasSettled } }

    /// How many wait for their eta and are not counted.
    var waitingForEta: Int { load.withLock { $0.waitingForEta } }

    /// Receives, once, until it is cancelled or the connection is lost; counts what comes before it is given to `deliver`.
    func receive(_ deliver: @escaping @Sendable ([Delivery]) -> Void) async throws {
        load.withLock { $0.isReceiving = true }
        defer {
            stopShrinking()
            load.withLock { $0.isReceiving = false }
            received.close()
        }
        try await consumer.receive { [self] in
            takeRoom()
        } _: { [self] deliveries in
            load.withLock { load in
                load.unsettled += deliveries.count
                load.open += deliveries.count
                load.lastFullBatch = deliveries.count == load.lastRoom ? .now : nil
                shrinkLater(&load)
            }
            deliver(deliveries)
        }
    }

    /// Stops the consumer, and waits until the receiving call has ended: what it has taken from the broker is held then.
    func stop() async {
        await consumer.stop()
        if load.withLock({ $0.isReceiving }) { await received.next() }
    }

    /// Waits until all that has come is done, after ``stop()``: also what waits for its eta here.
    func waitUntilDone() async {
        let isDone = load.withLock { load in
            load.isEnding = true
            return load.open <= 0 && load.waitingForEta <= 0
        }
        if !isDone { await done.next() }
    }

    /// How many messages may come now. The window grows when there is room at once after a batch that left none.
    private func takeRoom() -> Int {
        load.withLock { load in
            load.lastRoom = room(load)
            if load.lastRoom <= 0 { shrinkLater(&load) }
            if load.lastRoom > 0, let last = load.lastFullBatch {
                load.lastFullBatch = nil
                if .now - last < Self.shortBatch {
                    setWindow(max(prefetch, min(2 * load.window, Self.largestWindow)), &load)
                }
            }
            return load.lastRoom
        }
    }

    // MARK: Reading ahead no longer

    /// Others may wait for what this worker reads ahead: that is over when nothing comes for a while.
    private func shrinkLater(_ load: inout Load) {
        guard load.window > prefetch || load.unsettled > prefetch else { return }
        let time = ContinuousClock.now + Self.longestSurplus
        // A deadline that is set already finds out that it is too early. That costs less than a new one each time.
        let number = load.shrinking?.number ?? addDeadline(time)
        load.shrinking = (number, time)
    }

    private func addDeadline(_ time: ContinuousClock.Instant) -> Int {
        deadlines.add(time) { [weak self] in self?.shrink() }
    }

    /// Reading ahead ends, and what was read ahead is given back.
    private func shrink() {
        let surplus = load.withLock { load in
            guard let time = load.shrinking?.time else { return 0 }
            guard time <= .now else {
                load.shrinking = (addDeadline(time), time)
                return 0
            }
            load.shrinking = nil
            setWindow(prefetch, &load)
            return load.unsettled - prefetch
        }
        if surplus > 0 { giveBack(self, surplus) }
    }

    private func stopShrinking() {
        load.withLock { load in
            if let number = load.shrinking?.number { deadlines.remove(number) }
            load.shrinking = nil
        }
    }

    // MARK: What becomes of the messages

    private func setWindow(_ window: Int, _ load: inout Load) {
        guard window != load.window else { return }
        load.window = window
        tellPrefetch(load)
    }

    /// Acknowledges a message before its task runs: it still counts as open. Whether it was this worker's; if not, it
    /// counts as before.
    func acknowledgeEarly(_ tag: DeliveryTag, _ task: ReceivedTask) -> Bool {
        // Before the broker can hear of it and the message come again.
        started.add(task, self)
        guard consumer.acknowledge(tag) else {
            started.remove(task, self)
            return false
        }
        count { load in
            load.unsettled -= 1
            load.hasSettled = true
        }
        return true
    }

    /// The message needs no further attention.
    ///
    /// - Parameter settlement: what the broker is told of it; `nil` for nothing.
    func finish(_ tag: DeliveryTag, _ settlement: Settlement?) {
        if let settlement { consumer.settle(tag, settlement) }
        count { load in
            if settlement != nil {
                load.unsettled -= 1
                load.hasSettled = true
            }
            load.open -= 1
        }
    }

    /// Messages are settled, or somebody else's: they no longer count.
    func release(_ messages: Int) {
        count { load in
            load.unsettled -= messages
            load.open -= messages
            load.hasSettled = true
        }
    }

    /// The message is put aside until its eta and does not take part in the prefetch count meanwhile.
    ///
    /// - Parameter isHeld: whether this worker keeps it, so that the broker must be told to send others.
    func putAside(isHeld: Bool) {
        count { load in
            load.unsettled -= 1
            load.open -= 1
            guard isHeld else { return }
            load.waitingForEta += 1
            tellPrefetch(load)
        }
    }

    /// The eta of a message that was put aside has come.
    func takeBack() {
        count { load in
            load.unsettled += 1
            load.open += 1
            load.waitingForEta -= 1
            tellPrefetch(load)
        }
    }

    /// Under the lock, so that the broker is told in the order of the changes.
    private func tellPrefetch(_ load: Load) {
        consumer.adjustPrefetch(extra: load.window - prefetch + load.waitingForEta)
    }

    private func count(_ change: (inout Load) -> Void) {
        let (hasRoom, isDone) = load.withLock { load in
            change(&load)
            return (room(load) > 0, load.isEnding && load.open <= 0 && load.waitingForEta <= 0)
        }
        if isDone { done.close() } else if hasRoom { consumer.roomHasGrown() }
    }

    /// How many messages to ask for; 0 unless it is worth the way: they are not asked for one by one, but for those that are
    /// held beside a single task. RabbitMQ drops a message that has expired in its queue, and nobody hears of the task then.
    private func room(_ load: Load) -> Int {
        let room = min(load.window - load.unsettled, largestLoad - load.open)
        return room >= max(1, (load.window - concurrency) / 2) ? room : 0
    }
}
