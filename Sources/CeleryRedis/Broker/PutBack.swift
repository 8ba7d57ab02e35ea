/// A held message on its way back to lists, see ``RedisScript/putBack``.
struct PutBack: Sendable {
    enum End: Sendable {
        /// The one that is served last.
        case last
        /// The one that is served next.
        case next
    }

    /// Why it is put back, which has to hold still when it is.
    enum Reason: Sendable {
        /// This consumer holds it and has settled it so.
        case held
        /// Its score is not above this one.
        case overdue(score: Double)
        /// It was parked and its eta is near.
        case due
        /// The consumer is dead, and this is the sign that this one has put in its place.
        case gone(consumer: String, sign: String)
    }

    /// As it came: it need not be text.
    let tag: [UInt8]
    let message: [UInt8]
    let lists: [String]

    func add(
        to pipeline: inout RedisPipeline, _ scripts: LoadedScripts, _ keys: KombuKeys, _ end: End, _ reason: Reason
    ) {
        let reasons: [String] =
            switch reason {
            case .held: ["held"]
            case .overdue(let score): ["overdue", String(score)]
            case .due: ["due"]
            case .gone(let consumer, let sign): ["gone", consumer, sign]
            }
        pipeline.begin(script: scripts[.putBack], keys: 4 + lists.count, arguments: 3 + reasons.count)
        for key in [keys.unacked, keys.unackedIndex, keys.etas, keys.workers] + lists { pipeline.add(key) }
        pipeline.add(tag)
        pipeline.add(end == .last ? "LPUSH" : "RPUSH")
        pipeline.add(message)
        for reason in reasons { pipeline.add(reason) }
    }
}
