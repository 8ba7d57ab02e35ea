internal import CCelerySystem

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// What this process has used of the machine.
package enum ResourceUsage {
    /// The seconds of the processors, by Python's names of `resource.getrusage`, and all counts, in Python's order. Empty
    /// where the system does not say.
    package static var current: (seconds: [(String, Double)], counts: [(String, Int)]) {
        var usage = rusage()
        #if canImport(Glibc)
        let own = __rusage_who_t(RUSAGE_SELF.rawValue)
        #else
        let own = RUSAGE_SELF
        #endif
        guard getrusage(own, &usage) == 0 else { return ([], []) }
        let counts = [
            ("maxrss", usage.ru_maxrss), ("ixrss", usage.ru_ixrss), ("idrss", usage.ru_idrss),
            ("isrss", usage.ru_isrss), ("minflt", usage.ru_minflt), ("majflt", usage.ru_majflt),
            ("nswap", usage.ru_nswap), ("inblock", usage.ru_inblock), ("oublock", usage.ru_oublock),
            ("msgsnd", usage.ru_msgsnd), ("msgrcv", usage.ru_msgrcv), ("nsignals", usage.ru_nsignals),
            ("nvcsw", usage.ru_nvcsw), ("nivcsw", usage.ru_nivcsw),
        ]
        return (
            [("utime", celery_user_seconds(&usage)), ("stime", celery_system_seconds(&usage))],
            counts.map { ($0.0, Int($0.1)) }
        )
    }

    /// How many threads wanted to run over the last one, five and fifteen minutes; zeros where the system does not say.
    package static var loadAverage: [Double] {
        var averages = [0.0, 0, 0]
        return getloadavg(&averages, 3) == 3 ? averages : [0, 0, 0]
    }
}
