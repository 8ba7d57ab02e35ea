import Testing

#if canImport(Glibc)
import Glibc
import SwiftOverlayShims
#else
import Darwin
#endif

/// Checks that ten times as much costs nothing like a hundred times as much. What is measured is this thread's own
/// time, of several turns the best, so that a busy machine does not matter.
func expectLinear(_ count: Int, _ body: (_ count: Int) throws -> Void, _ location: SourceLocation = #_sourceLocation)
    rethrows
{
    let small = try bestTime { try body(count) }
    let large = try bestTime { try body(10 * count) }
    #expect(large < 40 * max(small, 100_000), "\(large) ns against \(small)", sourceLocation: location)
}

private func bestTime(_ body: () throws -> Void) rethrows -> UInt64 {
    var best = UInt64.max
    for _ in 0..<3 {
        let start = clock_gettime_nsec_np(CLOCK_THREAD_CPUTIME_ID)
        try body()
        best = min(best, clock_gettime_nsec_np(CLOCK_THREAD_CPUTIME_ID) - start)
    }
    return best
}

#if canImport(Glibc)
private func clock_gettime_nsec_np(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
#endif
