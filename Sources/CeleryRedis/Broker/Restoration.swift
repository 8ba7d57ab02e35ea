/// What came of a search.
struct Restoration {
    /// How many are in their queues again.
    var count = 0
    /// The lowest score.
    var oldest = Double.infinity
    /// How many have become dead letters.
    var setAside = 0
    /// How many stay where they are.
    var stuck = 0

    var seen: Int { count + setAside + stuck }
}
