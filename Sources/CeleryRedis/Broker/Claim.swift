internal import CeleryProtocol

/// A claim of messages that is on its way: see ``RedisScript/claim``.
struct Claim: Sendable {
    let pipeline: RedisPipeline
    /// The number in the tag of the first message.
    let firstNumber: UInt64
    /// How many messages there are at most.
    let limit: Int
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
    private let tagPrefix: RedisPipeline
    private let queues: [Queue]
    private let stepCount: Int

    init(_ queues: [String], keys: KombuKeys, tagPrefix: String, script digest: String) {
        self.queues = queues.map { Queue($0, keys) }
        stepCount = keys.prioritySteps.count
        self.tagPrefix = RedisPipeline(argument: Array(tagPrefix.utf8))
        let lists = queues.count * stepCount
        var head = RedisPipeline()
        head.begin(script: digest, keys: 2 + lists, arguments: 4 + lists)
        head.add(keys.unacked)
        head.add(keys.unackedIndex)
        self.head = head
    }

    /// Claims from the lists by priority, in each from the queue at `firstQueue` first.
    func claim(upTo limit: Int, score: Double, firstNumber: UInt64, firstQueue: Int) -> Claim {
        var pipeline = head
        addLists(from: firstQueue, to: &pipeline)
        pipeline.add(String(limit))
        pipeline.add(String(score))
        pipeline.append(tagPrefix)
        pipeline.add(String(firstNumber))
        for _ in 0..<stepCount {
            for queue in rotated(to: firstQueue) { pipeline.append(queue.entryEnd) }
        }
        // What is left. And being read, the lists are tracked: the server announces the next push. Not read by the
        // script, because all of a script's keys would be tracked then.
        pipeline.begin(1 + queues.count * stepCount)
        pipeline.add("EXISTS")
        addLists(from: firstQueue, to: &pipeline)
        return Claim(
            pipeline: pipeline, firstNumber: firstNumber, limit: limit, queues: queues, firstQueue: firstQueue,
            listCount: queues.count * stepCount)
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
