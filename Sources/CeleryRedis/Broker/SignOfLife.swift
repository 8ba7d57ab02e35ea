/// What a consumer of this package writes next to its renewals, so that others notice its end.
///
/// The scores of `unacked_index` are kombu's and mean what they mean there; what a worker held that died comes back by
/// them only after the visibility timeout. Consumers of this package look at each other's signs as well, in the hash
/// ``KombuKeys/workers``: from a consumer to a count that grows, with the lease that it keeps to. Clocks play no part.
enum SignOfLife: Equatable {
    /// The consumer lives, or did when it wrote this.
    case alive(count: UInt64, lease: Double)
    /// Another consumer, the observer, is putting back what it held.
    case restoring(observer: String, count: UInt64)
    /// All was put back; the time, in seconds since 1970. Kept for a while, so that a consumer which was only stopped
    /// finds it.
    case dead(time: Double)

    /// A lease that makes no sense is read as this.
    private static let usualLease = 60.0

    init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ")
        guard words.count >= 2 else { return nil }
        switch words[0] {
        case "alive":
            guard let count = UInt64(words[1]) else { return nil }
            let lease = words.count > 2 ? Double(words[2]) : nil
            self = .alive(
                count: count, lease: lease.map { $0.isFinite && $0 > 0 ? $0 : Self.usualLease } ?? Self.usualLease)
        case "restoring":
            guard words.count > 2, let count = UInt64(words[2]) else { return nil }
            self = .restoring(observer: String(words[1]), count: count)
        case "dead":
            guard let time = Double(words[1]) else { return nil }
            self = .dead(time: time)
        default: return nil
        }
    }

    var text: String {
        switch self {
        case .alive(let count, let lease): "alive \(count) \(lease)"
        case .restoring(let observer, let count): "restoring \(observer) \(count)"
        case .dead(let time): "dead \(time)"
        }
    }

    /// For how long it stands unless it changes, in seconds; at most an hour.
    var lease: Double {
        if case .alive(_, let lease) = self { min(lease, 3600) } else { Self.usualLease }
    }
}
