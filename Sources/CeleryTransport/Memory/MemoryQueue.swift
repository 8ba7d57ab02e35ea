internal import DequeModule

/// The envelopes that wait in one queue: those with the lower priority number first, as on Redis, and among these the
/// older ones.
struct MemoryQueue {
    struct Item: Sendable {
        let envelope: [UInt8]
        let priority: Int
    }

    private var levels: [Int: Deque<[UInt8]>] = [:]

    /// In the order in which they are served.
    var envelopes: [[UInt8]] {
        levels.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// - Parameter isNext: whether it goes before the others of its priority, not behind them.
    mutating func push(_ item: Item, isNext: Bool) {
        if isNext {
            levels[item.priority, default: []].prepend(item.envelope)
        } else {
            levels[item.priority, default: []].append(item.envelope)
        }
    }

    mutating func pop() -> Item? {
        guard let priority = levels.keys.min(), let envelope = levels[priority]?.popFirst() else { return nil }
        if levels[priority]?.isEmpty == true { levels[priority] = nil }
        return Item(envelope: envelope, priority: priority)
    }
}
