internal import CeleryProtocol

/// What is known of a chord within this process, as Celery keeps it on Redis.
struct MemoryChord {
    /// Who may send the body.
    private struct Holder {
        let token: String
        var end: ContinuousClock.Instant
    }

    /// How many tasks the header was sent with.
    private var size: Int?
    /// How many were added to it.
    private var growth = 0
    /// What is kept of each part, and its place.
    private var parts: [(place: Int, text: [UInt8])] = []
    /// The tasks that are counted, with their places.
    private var counted: Set<String> = []
    private var holder: Holder?
    private var hasEnded = false
    /// The tokens of the body's messages that have run, by their places.
    private var begun: [Int: String] = [:]

    mutating func open(size: Int) {
        self.size = size
        holder = nil
        hasEnded = false
    }

    mutating func grow(by count: Int) { growth += count }

    mutating func record(_ part: ChordPart, _ options: ChordOptions, now: ContinuousClock.Instant) -> ChordProgress {
        if hasEnded { return .alreadyEnded }
        let place = part.index ?? .max
        let isNew = counted.insert("\(part.id):\(place)").inserted
        if isNew { parts.append((place, part.encoded())) }
        guard let size, parts.count >= size + growth else { return .waiting }
        if let holder, holder.end > now { return .claimed(remaining: holder.end - now) }
        let token = RandomID.make()
        holder = Holder(token: token, end: now + .seconds(options.claimSeconds))
        if isNew { begun = [:] }
        return .complete(ChordClaim(group: part.group, token: token, isRepeated: !isNew))
    }

    /// What is kept of the parts, in the order of a Redis set: by their places, then by their texts.
    var members: [[UInt8]] {
        parts.sorted { $0.place != $1.place ? $0.place < $1.place : $0.text.lexicographicallyPrecedes($1.text) }
            .map(\.text)
    }

    mutating func extend(_ claim: ChordClaim, until end: ContinuousClock.Instant, now: ContinuousClock.Instant) -> Bool
    {
        if let holder, holder.token != claim.token, holder.end > now { return false }
        guard !hasEnded, holder?.token == claim.token || size != nil else { return false }
        holder = Holder(token: claim.token, end: end)
        return true
    }

    mutating func end(_ claim: ChordClaim, now: ContinuousClock.Instant) -> Bool {
        guard let holder, holder.token == claim.token, holder.end > now else { return false }
        let begun = begun
        self = MemoryChord()
        self.begun = begun
        hasEnded = true
        return true
    }

    mutating func begins(_ copy: ChordBodyCopy) -> Bool {
        if let first = begun[copy.place] { return first == copy.token }
        begun[copy.place] = copy.token
        return true
    }

    mutating func fail() { size = nil }
}
