internal import CCelerySystem

/// Sees to it that the memory of large messages goes back to the system when they are done with.
///
/// What is read of a message is a tree of small blocks, which the C library keeps when they are freed, unless it is told
/// not to before that. Asking for what is free takes some milliseconds for hundreds of megabytes, so that it is done once
/// for all that were used within a second; and then again, ever more seldom, because what belongs to a task is not gone at
/// the moment at which it ends: its result may be on its way to the backend.
package enum LargeBodies {
    /// A message of so many bytes is a large one.
    private static let size = 1 << 20
    private static let trimmer = HeapTrimmer(
        after: [1, 1, 2, 4, 8].map { .seconds($0) }, by: .shared,
        HeapTrimmer.Actions(
            begin: { celery_keep_no_memory() }, giveBack: { celery_give_back_memory() },
            end: { celery_keep_small_memory() }))

    /// A message of this size, decompressed, is about to be read, or its task has come to its end: from here on memory of
    /// its may be freed.
    package static func used(size: Int) {
        if size >= Self.size { trimmer.begin() }
    }
}
