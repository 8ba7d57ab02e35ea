internal import Synchronization

/// Orders what the nodes of a cluster say without their having the same time: Celery's Lamport clock.
final class LogicalClock: Sendable {
    private let value = Atomic(0)

    /// As it stands.
    var current: Int { value.load(ordering: .relaxed) }

    /// Something happens here; its number.
    @discardableResult
    func forward() -> Int { value.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Something has come that happened at this time of another clock.
    ///
    /// What is far beyond any clock counts as none: it would make every clock of the cluster useless.
    func adjust(_ other: Int) {
        guard (0..<Self.largest).contains(other) else { return }
        var own = current
        while true {
            let (isDone, original) = value.weakCompareExchange(
                expected: own, desired: max(own, other) + 1, ordering: .relaxed)
            if isDone { return }
            own = original
        }
    }

    /// Python's integers have no limit, JavaScript's and others' do.
    private static let largest = 1 << 53
}
