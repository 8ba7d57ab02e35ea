/// Looks at the signs of life of other consumers and finds out which of them are dead.
///
/// A consumer is dead when its sign has not changed over checks that span its lease. Only time during which this one
/// was checking counts, in small steps: a pause of this process or of the whole machine, after which live consumers
/// have had no chance yet to give a sign, adds next to nothing. After an outage of the server the count begins anew:
/// several of them must not add up.
struct LifeWatch {
    /// A consumer whose sign does not change any more.
    struct Dead: Equatable {
        let consumer: String
        let sign: String
    }

    private struct Seen {
        var sign: String
        var unchangedFor: Duration
        /// When the last answer had come.
        var heard: ContinuousClock.Instant
    }

    /// After so many seconds the signs of dead consumers are removed.
    private static let memory = 3600.0

    private var seen: [String: Seen] = [:]
    private var outages = 0

    /// Takes in the signs of others.
    ///
    /// - Parameters:
    ///   - signs: from consumer to sign.
    ///   - asked: when they were asked for.
    ///   - heard: when they had come.
    ///   - outages: how many outages there were before they were asked for.
    ///   - time: the time in seconds since 1970.
    /// - Returns: the consumers that are dead, and those whose signs are of no more use.
    mutating func note(
        _ signs: [(consumer: String, sign: String)], asked: ContinuousClock.Instant, heard: ContinuousClock.Instant,
        outages: Int, time: Double
    ) -> (dead: [Dead], forgotten: [Dead]) {
        if outages != self.outages { startAgain() }
        self.outages = outages
        var (dead, forgotten): ([Dead], [Dead]) = ([], [])
        var present: [String: Seen] = [:]
        for (consumer, text) in signs {
            let sign = SignOfLife(text)
            if case .dead(let end) = sign {
                if !((time - Self.memory)...(time + Self.memory)).contains(end) {
                    forgotten.append(Dead(consumer: consumer, sign: text))
                }
                continue
            }
            // What cannot be read is of a later version, or damaged: it counts by whether it changes as well.
            let lease = Duration.seconds(sign?.lease ?? 60)
            var entry = Seen(sign: text, unchangedFor: .zero, heard: heard)
            if let last = seen[consumer], last.sign == text {
                // From the answer before to the question after: both were answered with the same sign.
                entry.unchangedFor = last.unchangedFor + min(max(last.heard.duration(to: asked), .zero), lease / 3)
            }
            if entry.unchangedFor >= lease { dead.append(Dead(consumer: consumer, sign: text)) }
            present[consumer] = entry
        }
        seen = present
        return (dead, forgotten)
    }

    /// Counts anew: the connection was lost.
    mutating func startAgain() {
        seen = [:]
    }
}
