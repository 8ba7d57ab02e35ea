import CeleryIO
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite(.timeLimit(.minutes(1))) struct ConnectionThreadTests {
    @Test func jobsRunOnTheThread() async throws {
        let driver = try Driver()
        let first = await driver.currentThread()
        let second = await driver.currentThread()
        #expect(first == second)
        #expect(pthread_equal(first.thread, pthread_self()) == 0)
    }

    @Test func jobsOfOneCallerRunInTheirOrder() async throws {
        let driver = try Driver()
        for number in 0..<1000 { await driver.note(number) }
        #expect(await driver.notes == Array(0..<1000))
    }

    @Test func everyJobOfManyProducersRunsOnce() async throws {
        let driver = try Driver()
        await withTaskGroup { group in
            for producer in 0..<50 {
                group.addTask { for number in 0..<200 { await driver.note(producer * 200 + number) } }
            }
        }
        #expect(await driver.notes.sorted() == Array(0..<10_000))
    }

    @Test func aSuspendedJobComesBackToTheThread() async throws {
        let driver = try Driver()
        #expect(await driver.staysOnThread())
    }

    @Test func aNudgeHasTheDriverAsked() async throws {
        let driver = try Driver()
        for _ in 0..<1000 {
            let before = driver.waits.current
            driver.thread.nudge()
            await driver.waits.wait(beyond: before)
        }
        #expect(driver.waits.current >= 1000)
    }

    @Test func nothingWakesTheThreadWhenThereIsNothingToDo() async throws {
        let driver = try Driver()
        await driver.note(1)
        let after = await driver.waitsSeen()
        // A deadline on another thread passes; this one has slept on.
        let other = try Driver()
        await other.wake(after: .milliseconds(50))
        await other.wakes.wait(beyond: 0)
        #expect(driver.waits.current <= after + 1)
    }

    @Test func aDeadlineWakesTheDriverNotBeforeItsTime() async throws {
        let driver = try Driver()
        let start = ContinuousClock.now
        await driver.wake(after: .milliseconds(40))
        await driver.wakes.wait(beyond: 0)
        #expect(ContinuousClock.now - start >= .milliseconds(40))
    }

    @Test func aReadableSocketWakesTheDriver() async throws {
        let pair = try SocketPair()
        let driver = try Driver()
        await driver.watch(pair.socket.descriptor)
        #expect(driver.wakes.current == 0)
        pair.send([1])
        await driver.wakes.wait(beyond: 0)
        #expect(await driver.sawReadable)
    }

    @Test func aPeerThatHangsUpWakesTheDriver() async throws {
        let pair = try SocketPair()
        let driver = try Driver()
        await driver.watch(pair.socket.descriptor)
        pair.hangUp()
        await driver.wakes.wait(beyond: 0)
        #expect(await driver.sawReadable)
    }

    @Test func theThreadEndsWithItsActor() async throws {
        weak var thread: ConnectionThread?
        let ended = Steps()
        do {
            let driver = try Driver(ended: ended)
            thread = driver.thread
            await driver.note(1)
        }
        await ended.wait(beyond: 0)
        // The thread lets go of itself when its function returns; joining is not possible, so give it turns.
        while thread != nil { await Task.yield() }
        #expect(thread == nil)
    }

    @Test func anActorWhoseThreadCannotBeStartedIsReleased() async throws {
        let ended = Steps()
        #expect(throws: IOError.self) { try Driver(ended: ended, stackSize: 1 << 60) }
        await ended.wait(beyond: 0)
    }

    @Test func manyThreadsComeAndGo() async throws {
        let ended = Steps()
        for number in 0..<200 {
            let driver = try Driver(ended: ended)
            await driver.note(number)
        }
        await ended.wait(beyond: 199)
        #expect(ended.current == 200)
    }
}

/// An actor on a connection thread that does what tests ask for.
private actor Driver: ConnectionActor {
    struct Thread: Sendable, Equatable {
        let thread: pthread_t
        static func == (left: Thread, right: Thread) -> Bool { pthread_equal(left.thread, right.thread) != 0 }
    }

    nonisolated let thread: ConnectionThread
    nonisolated let waits = Steps()
    nonisolated let wakes = Steps()
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private(set) var notes: [Int] = []
    private(set) var sawReadable = false
    private var descriptor: Int32 = -1
    private var deadline: ContinuousClock.Instant?
    private let ended: Steps?

    init(ended: Steps? = nil, stackSize: Int = 1 << 20) throws {
        self.ended = ended
        thread = try ConnectionThread(name: "a test with a long name", stackSize: stackSize)
        try thread.start(driving: self)
    }

    isolated deinit {
        thread.stop()
        ended?.add()
    }

    func currentThread() -> Thread { Thread(thread: pthread_self()) }
    func note(_ number: Int) { notes.append(number) }
    func waitsSeen() -> Int { waits.current }

    func staysOnThread() async -> Bool {
        let before = Thread(thread: pthread_self())
        for _ in 0..<100 {
            await Task.yield()
            guard Thread(thread: pthread_self()) == before else { return false }
        }
        return true
    }

    func wake(after delay: Duration) { deadline = .now + delay }
    func watch(_ descriptor: Int32) { self.descriptor = descriptor }

    func willWait() -> PollRequest {
        waits.add()
        return PollRequest(
            descriptor: descriptor, wantsRead: descriptor >= 0, wantsWrite: false, deadline: deadline)
    }

    func didWake(isReadable: Bool, isWritable: Bool) {
        if isReadable { sawReadable = true }
        deadline = nil
        descriptor = -1
        wakes.add()
    }
}

/// Counts, and lets others wait for a count.
private final class Steps: Sendable {
    private struct State {
        var count = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Locked(State())

    var current: Int { state.withLock { $0.count } }

    func add() {
        let due = state.withLock { state in
            state.count += 1
            let due = state.waiters.filter { $0.count < state.count }
            state.waiters.removeAll { $0.count < state.count }
            return due
        }
        for waiter in due { waiter.continuation.resume() }
    }

    /// Waits until the count is larger than this.
    func wait(beyond count: Int) async {
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state in
                if state.count > count { return true }
                state.waiters.append((count, continuation))
                return false
            }
            if isDue { continuation.resume() }
        }
    }
}
