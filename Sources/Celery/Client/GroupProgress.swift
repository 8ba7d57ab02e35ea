/// How many tasks of a group have ended.
public struct GroupProgress: Sendable, Hashable {
    /// How many tasks there are.
    public let total: Int
    /// How many have succeeded.
    public internal(set) var succeeded = 0
    /// How many have failed, were revoked or had expired.
    public internal(set) var failed = 0

    /// How many have ended.
    public var done: Int { succeeded + failed }

    init(total: Int) { self.total = total }
}
