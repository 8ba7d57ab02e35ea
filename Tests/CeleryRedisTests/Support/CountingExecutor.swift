import Foundation
import Synchronization

/// Runs tasks and counts how often they go on.
final class CountingExecutor: TaskExecutor {
    private let total = Atomic(0)

    var count: Int { total.load(ordering: .relaxed) }

    func enqueue(_ job: consuming ExecutorJob) {
        total.add(1, ordering: .relaxed)
        let job = UnownedJob(job)
        DispatchQueue.global().async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
