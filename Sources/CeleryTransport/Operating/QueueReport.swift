#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// How many messages a queue has, as far as its broker tells.
package struct QueueReport: Sendable, Hashable {
    package let name: String
    /// How many wait; `nil` where there is no such queue. On Redis a queue is there always.
    package var waiting: Int?
    /// How many of them wait in each priority step, the most urgent first; empty where there are no such steps.
    package var steps: [Step] = []
    /// How many workers hold; `nil` where the broker does not tell.
    package var held: Int?
    /// How many consumers there are; `nil` where the broker does not tell.
    package var consumers: Int?
    /// When the oldest that waits was sent; `nil` where its sender has not written that down, or where nobody can look at it
    /// without a change.
    package var oldest: Date?

    package init(_ name: String) { self.name = name }

    /// The messages of a queue on Redis that have a priority.
    package struct Step: Sendable, Hashable {
        package let priority: Int
        package let waiting: Int

        package init(priority: Int, waiting: Int) {
            self.priority = priority
            self.waiting = waiting
        }
    }
}
