internal import DequeModule

/// The ids that were put in last, up to a limit.
package struct RecentIDs: Sendable {
    private let limit: Int
    private var members: Set<String> = []
    /// In the order in which they were put in; some may have been taken out meanwhile.
    private var order: Deque<String> = []

    package init(limit: Int) {
        self.limit = limit
    }

    package func contains(_ id: String) -> Bool { members.contains(id) }

    /// Puts an id in; the oldest one has to go when there are too many.
    ///
    /// - Returns: whether it was not there.
    @discardableResult
    package mutating func insert(_ id: String) -> Bool {
        guard members.insert(id).inserted else { return false }
        order.append(id)
        while members.count > limit, let oldest = order.popFirst() { members.remove(oldest) }
        if order.count > 2 * limit {
            var seen: Set<String> = []
            order.removeAll { !members.contains($0) || !seen.insert($0).inserted }
        }
        return true
    }

    package mutating func remove(_ id: String) { members.remove(id) }
}
