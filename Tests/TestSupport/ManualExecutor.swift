import CeleryIO

/// Runs tasks when a test says so, so that it knows where they wait.
package final class ManualExecutor: TaskExecutor {
    private let jobs = Locked<[UnownedJob]>([])

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Whether no task has been woken.
    package var isIdle: Bool { jobs.withLock { $0.isEmpty } }

    /// Runs the tasks on this thread until all of them wait.
    package func run() {
        while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
