/// What Redis is told in one go of the messages that a consumer holds.
struct HeldReport: Sendable {
    /// A sign of life, and the messages whose scores it renews.
    struct Renewal: Sendable {
        let sign: String
        let made: ContinuousClock.Instant
        let numbers: [UInt64]
    }

    /// More would not fit the stack of the server's Lua.
    private static let largestBatch = 1000

    /// Tags.
    var acknowledged: [String] = []
    var parked: [HeldMessages.Parking] = []
    var renewal: Renewal?
    /// Whether part of it may have been heard before.
    private(set) var isRepeated = false

    var isEmpty: Bool { acknowledged.isEmpty && parked.isEmpty && renewal == nil }

    /// Takes back what was not heard. Renewals are made anew.
    mutating func take(back report: HeldReport) {
        acknowledged += report.acknowledged
        parked += report.parked
        isRepeated = true
    }

    /// The commands, the renewals first.
    func pipeline(
        _ keys: KombuKeys, id: String, _ tagPrefix: String, time: @Sendable () -> Double
    ) -> RedisPipeline {
        var pipeline = RedisPipeline()
        if let renewal { renew(renewal, in: &pipeline, keys, id: id, tagPrefix, score: String(time())) }
        if !acknowledged.isEmpty { remove(acknowledged, in: &pipeline, keys) }
        var rest = parked[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Self.largestBatch)
            pipeline.begin(.park, keys: 2, arguments: 3 * batch.count)
            pipeline.add(keys.unackedIndex)
            pipeline.add(keys.etas)
            for parking in batch {
                pipeline.add(String(parking.eta))
                pipeline.add(String(parking.due))
                pipeline.add(parking.tag)
            }
            rest = rest.dropFirst(Self.largestBatch)
        }
        return pipeline
    }

    private func renew(
        _ renewal: Renewal, in pipeline: inout RedisPipeline, _ keys: KombuKeys, id: String, _ tagPrefix: String,
        score: String
    ) {
        for batch in Self.batches(renewal) {
            pipeline.begin(.renew, keys: 2, arguments: 3 + batch.count)
            pipeline.add(keys.unackedIndex)
            pipeline.add(keys.workers)
            pipeline.add(id)
            pipeline.add(renewal.sign)
            pipeline.add(score)
            for number in batch { pipeline.add(tagPrefix + String(number)) }
        }
    }

    /// One after the other, the entry first: what is left when only this one is heard is cleared away by whoever looks
    /// for messages left behind. In a transaction both would be refused by a server that is out of memory.
    private func remove(_ tags: [String], in pipeline: inout RedisPipeline, _ keys: KombuKeys) {
        for (command, key) in [("HDEL", keys.unacked), ("ZREM", keys.unackedIndex)] {
            pipeline.begin(2 + tags.count)
            pipeline.add(command)
            pipeline.add(key)
            for tag in tags { pipeline.add(tag) }
        }
    }

    /// At least one, for the sign.
    private static func batches(_ renewal: Renewal) -> [ArraySlice<UInt64>] {
        var batches = [renewal.numbers.prefix(largestBatch)]
        while let last = batches.last, last.endIndex < renewal.numbers.endIndex {
            batches.append(renewal.numbers[last.endIndex...].prefix(largestBatch))
        }
        return batches
    }

    // MARK: What Redis answers

    /// How many of the acknowledged messages Redis did not have any more.
    func missingAcknowledgements(_ replies: [RESPValue]) -> Int {
        let position = renewal.map { Self.batches($0).count } ?? 0
        guard !acknowledged.isEmpty, replies.indices.contains(position), let removed = replies[position].integer,
            (0...acknowledged.count).contains(removed)
        else { return 0 }
        return acknowledged.count - removed
    }

    /// The sign that was there before the renewal, and the messages that are no longer there.
    func outcome(ofRenewal replies: [RESPValue]) -> (before: [UInt8]?, gone: [UInt64]) {
        guard let renewal else { return (nil, []) }
        var gone: [UInt64] = []
        for (batch, reply) in zip(Self.batches(renewal), replies) {
            for position in reply.array?.last?.array ?? [] {
                guard let position = position.integer, position >= 1, position <= batch.count else { continue }
                gone.append(batch[batch.startIndex + position - 1])
            }
        }
        return (replies.first?.array?.first?.bytes, gone)
    }
}
