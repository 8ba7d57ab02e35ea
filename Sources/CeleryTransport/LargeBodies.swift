internal import CCelerySystem
internal import CeleryIO
internal import Synchronization

/// Sees to it that the memory of large bodies goes back to the system when they are done with.
///
/// What is read of a body is a tree of small blocks, which the C library keeps when they are freed. Asking for them takes
/// some milliseconds for hundreds of megabytes, so that it is done once for all that ended within a second.
package enum LargeBodies {
    /// A body of so many bytes is a large one.
    package static let size = 1 << 20
    private static let delay = Duration.seconds(1)
    private static let isPending = Atomic(false)

    /// A body of this size, decompressed, has been read, and is done with about now.
    package static func ended(size: Int) {
        guard size >= Self.size, !isPending.exchange(true, ordering: .acquiringAndReleasing) else { return }
        _ = Deadlines.shared.add(.now + delay) {
            isPending.store(false, ordering: .releasing)
            celery_give_back_memory()
        }
    }
}
