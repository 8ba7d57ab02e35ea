internal import CeleryProtocol

/// A claim of messages that is on its way: see ``RedisScript/claim``.
struct Claim: Sendable {
    let pipeline: RedisPipeline
    /// The number in the tag of the first message.
    let firstNumber: UInt64
    /// How many messages there are at most.
    let limit: Int
    /// Whether the lists are read after it, so that the next push is announced.
    let isWatching: Bool
    fileprivate let queues: [ClaimSource.Queue]
    fileprivate let firstQueue: Int
    fileprivate let listCount: Int

    /// The queue of the list with this position in the claim; `nil` when there is none.
    func queue(ofList position: Int) -> String? {
        guard (0..<listCount).contains(position) else { return nil }
        return queues[(firstQueue + position) % queues.count].name
    }
}

/// The queues that a consumer claims from, encoded once: idle workers start the sooner, the shorter the way from the
/// news of a message to its claim.
struct ClaimSource: Sendable {
    fileprivate struct Queue: Sendable {
        let name: String
        /// By priority step.
        let lists: [RedisPipeline]
        let entryEnd: RedisPipeline

        init(_ name: String, _ keys: KombuKeys) {
            self.name = name
            lists = keys.prioritySteps.map { step in
                RedisPipeline(argument: Array(keys.list(of: name, step: step).utf8))
            }
            entryEnd = RedisPipeline(argument: ClaimSource.entryEnd(name))
        }
    }

    private let head: RedisPipeline
    /// The consumer and the beginning of the channels, when it takes turns to watch; when it does not, nothing.
    private let turns: (taking: RedisPipeline, none: RedisPipeline)
    private let tagPrefix: RedisPipeline
    private let queues: [Queue]
    private let stepCount: Int

    /// - Parameter consumer: the id of the consumer, which the tags begin with.
    init(_ queues: [String], keys: KombuKeys, consumer: String, script digest: String) {
        self.queues = queues.map { Queue($0, keys) }
        stepCount = keys.prioritySteps.count
        tagPrefix = RedisPipeline(argument: Array((consumer + ":").utf8))
        var (taking, none) = (RedisPipeline(argument: Array(consumer.utf8)), RedisPipeline(argument: []))
        for argument in [keys.turnChannel("")] {
            taking.add(argument)
            none.add(argument)
        }
        turns = (taking, none)
        let lists = queues.count * stepCount
        var head = RedisPipeline()
        head.begin(script: digest, keys: 4 + lists, arguments: 6 + lists)
        head.add(keys.unacked)
        head.add(keys.unackedIndex)
        head.add(keys.idle(queues))
        head.add(keys.turn(queues))
        self.head = head
    }

    /// Claims from the lists by priority, in each from the queue at `firstQueue` first.
    ///
    /// - Parameters:
    ///   - isTakingTurns: whether the consumer may be told to watch.
    ///   - isWatching: whether it is expected to, so that the lists are read in the same go.
    func claim(
        upTo limit: Int, score: Double, firstNumber: UInt64, firstQueue: Int, isTakingTurns: Bool, isWatching: Bool
    ) -> Claim {
        var pipeline = head
        addLists(from: firstQueue, to: &pipeline)
        pipeline.add(String(limit))
        pipeline.add(String(score))
        pipeline.append(tagPrefix)
        pipeline.add(String(firstNumber))
        pipeline.append(isTakingTurns ? turns.taking : turns.none)
        for _ in 0..<stepCount {
            for queue in rotated(to: firstQueue) { pipeline.append(queue.entryEnd) }
        }
        if isWatching { pipeline.append(watching) }
        return Claim(
            pipeline: pipeline, firstNumber: firstNumber, limit: limit, isWatching: isWatching, queues: queues,
            firstQueue: firstQueue, listCount: queues.count * stepCount)
    }

    /// Reads the lists, so that the server announces the next push to one of them. Only what is read so is tracked.
    var watching: RedisPipeline {
        var pipeline = RedisPipeline("CLIENT", "CACHING", "YES")
        pipeline.begin(1 + queues.count * stepCount)
        pipeline.add("EXISTS")
        addLists(from: 0, to: &pipeline)
        return pipeline
    }

    private func addLists(from firstQueue: Int, to pipeline: inout RedisPipeline) {
        for step in 0..<stepCount {
            for queue in rotated(to: firstQueue) { pipeline.append(queue.lists[step]) }
        }
    }

    private func rotated(to first: Int) -> some Sequence<Queue> {
        queues.indices.lazy.map { queues[(first + $0) % queues.count] }
    }

    /// What closes the entry of `unacked`: a message is restored to the queue it came from, through the default
    /// exchange, wherever it was first published to.
    static func entryEnd(_ queue: String) -> [UInt8] {
        Array(#", "", "#.utf8) + JSONValue.string(queue).serialized() + [UInt8(ascii: "]")]
    }
}

extension RedisPipeline {
    /// One argument, to be put into commands.
    fileprivate init(argument: [UInt8]) {
        add(argument)
    }
}
