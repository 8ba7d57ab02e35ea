import CCelerySystem

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One thread that serves one broker connection: it waits on the connection's socket, and runs the jobs of an actor
/// that has the thread for its executor.
///
/// The thread runs all queued jobs, lets the connection write what is buffered in one go
/// (``ConnectionDriver/prepareToWait()``), then sleeps in `poll` until the socket is ready, a deadline passes, a new job
/// arrives or somebody nudges it. Nothing wakes it while there is nothing to do.
///
/// Lifetime: the connection holds the thread strongly, the thread holds the connection weakly. The connection's
/// `deinit`, for actors the isolated one, calls ``stop()``; after it no job can exist, so no continuation is stranded.
package final class ConnectionThread: SerialExecutor {
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var isSleeping = false
        /// Whether something came for `willWait` since it was last called.
        var isNudged = false
        var isStopped = false
        /// Whether the thread could not be started: the one job to come is the actor's `deinit`.
        var hasFailed = false
        var thread: pthread_t?
    }

    /// Holds the driver weakly; read on the thread only, once it was set.
    private struct DriverReference {
        weak var driver: (any ConnectionDriver)?
    }

    private let name: String
    private let stackSize: Int
    private let inbox = Locked(Inbox())
    private let reference = Locked(DriverReference())
    private let wakeupReader: Int32
    private let wakeupWriter: Int32

    /// Makes the thread's descriptors; the thread itself starts with ``start(driving:)``.
    ///
    /// - Parameters:
    ///   - name: what debuggers show for the thread; cut at 15 bytes.
    ///   - stackSize: the most that the thread's stack may take, in bytes; only what is used is taken. What comes in is
    ///     read on the thread, however nested it is.
    package init(name: String, stackSize: Int = 8 << 20) throws(IOError) {
        self.stackSize = stackSize
        var descriptors: [Int32] = [-1, -1]
        guard celery_wakeup_create(&descriptors) == 0 else {
            throw IOError(.system, "cannot make a wake-up descriptor", errno: errno)
        }
        self.name = String(name.prefix(15))
        wakeupReader = descriptors[0]
        wakeupWriter = descriptors[1]
    }

    deinit {
        close(wakeupReader)
        if wakeupWriter != wakeupReader { close(wakeupWriter) }
    }

    /// Starts the thread. Called once, at the end of the connection's initializer.
    package func start(driving driver: any ConnectionDriver) throws(IOError) {
        reference.withLock { $0.driver = driver }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackSize)
        let retained = Unmanaged.passRetained(self)
        #if canImport(Glibc)
        var thread = pthread_t()
        #else
        var thread: pthread_t?
        #endif
        let status = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ConnectionThread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, retained.toOpaque())
        guard status == 0 else {
            retained.release()
            inbox.withLock { $0.hasFailed = true }
            throw IOError(.system, "cannot start a thread", errno: status)
        }
    }

    /// Ends the thread after the jobs it has. Only the connection's `deinit` may.
    package func stop() {
        inbox.withLock { $0.isStopped = true }
        wake()
    }

    /// Makes the thread call ``ConnectionDriver/prepareToWait()`` soon. For work that comes without a job.
    package func nudge() {
        let mustWake = inbox.withLock { inbox in
            inbox.isNudged = true
            defer { inbox.isSleeping = false }
            return inbox.isSleeping
        }
        if mustWake { wake() }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let (mustRun, mustWake) = inbox.withLock { inbox in
            if inbox.hasFailed { return (true, false) }
            inbox.jobs.append(job)
            defer { inbox.isSleeping = false }
            return (false, inbox.isSleeping)
        }
        if mustRun { job.runSynchronously(on: asUnownedSerialExecutor()) }
        if mustWake { wake() }
    }

    package func checkIsolated() {
        precondition(isCurrent, "not on the connection's thread \(name)")
    }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Whether it is this thread that asks.
    package var isCurrent: Bool {
        guard let thread = inbox.withLock({ $0.thread }) else { return false }
        return pthread_equal(thread, pthread_self()) != 0
    }

    private func wake() {
        var one: UInt64 = 1
        // A full counter (EAGAIN) means that the thread is about to wake anyway.
        _ = write(wakeupWriter, &one, MemoryLayout<UInt64>.size)
    }

    private func run() {
        celery_name_current_thread(name)
        inbox.withLock { $0.thread = pthread_self() }
        var batch: [UnownedJob] = []
        while true {
            let isStopped = inbox.withLock { inbox in
                swap(&inbox.jobs, &batch)
                return inbox.isStopped && batch.isEmpty
            }
            if isStopped { return }
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
            batch.removeAll(keepingCapacity: true)
            wait()
        }
    }

    /// One turn of the loop after the jobs: flush, sleep, dispatch.
    private func wait() {
        inbox.withLock { $0.isNudged = false }
        var request = PollRequest.nothing
        if let driver = reference.withLock({ $0.driver }) {
            request = driver.prepareToWait()
        }
        let mayNotSleep = inbox.withLock { inbox in
            inbox.isSleeping = inbox.jobs.isEmpty && !inbox.isNudged && !inbox.isStopped
            return !inbox.isSleeping
        }
        var interest: Int16 = 0
        if request.wantsRead { interest |= Int16(POLLIN) }
        if request.wantsWrite { interest |= Int16(POLLOUT) }
        var descriptors = [
            pollfd(fd: wakeupReader, events: Int16(POLLIN), revents: 0),
            pollfd(fd: interest == 0 ? -1 : request.descriptor, events: interest, revents: 0),
        ]
        let ready = Self.poll(&descriptors, until: mayNotSleep ? .now : request.deadline)
        // At once: the calls that follow may set another one.
        let problem = errno
        inbox.withLock { $0.isSleeping = false }
        if descriptors[0].revents != 0 {
            var count: UInt64 = 0
            _ = read(wakeupReader, &count, MemoryLayout<UInt64>.size)
        }
        guard ready >= 0 || problem == EINTR else { preconditionFailure("poll failed: \(problem)") }
        let events = Int32(descriptors[1].revents)
        let isDue = request.deadline.map { $0 <= .now } ?? false
        guard events != 0 || isDue, let driver = reference.withLock({ $0.driver }) else { return }
        driver.respond(
            isReadable: events & Int32(POLLIN | POLLHUP | POLLERR) != 0,
            isWritable: events & Int32(POLLOUT | POLLHUP | POLLERR) != 0
        )
    }

    /// Waits for the descriptors, until `deadline` at the latest. Some deadlines are fractions of a millisecond away.
    private static func poll(_ descriptors: inout [pollfd], until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return celery_poll(&descriptors, UInt32(descriptors.count), -1) }
        let remaining = min(max(.zero, ContinuousClock.now.duration(to: deadline)), .seconds(3600)).components
        let nanoseconds = remaining.seconds * 1_000_000_000 + remaining.attoseconds / 1_000_000_000
        return celery_poll(&descriptors, UInt32(descriptors.count), nanoseconds)
    }
}
