// What the C library's Swift module leaves out: eventfd, thread names, polling with a fine timeout, memory.
#ifndef CCELERYSYSTEM_H
#define CCELERYSYSTEM_H

#include <errno.h>
#include <fcntl.h>

#include <pthread.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/eventfd.h>
#include <sys/prctl.h>
#endif

/// Makes a descriptor that ends a `poll` when another thread writes to it: [0] is read, [1] is written, and they may
/// be the same one. Non-blocking, closed on exec. -1 with errno on failure.
static inline int celery_wakeup_create(int descriptors[2]) {
#if defined(__linux__)
    descriptors[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    descriptors[1] = descriptors[0];
    return descriptors[0] < 0 ? -1 : 0;
#else
    if (pipe(descriptors) != 0) { return -1; }
    for (int i = 0; i < 2; i++) {
        fcntl(descriptors[i], F_SETFL, O_NONBLOCK);
        fcntl(descriptors[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
#endif
}

/// Names the calling thread for debuggers; the kernel keeps 15 bytes.
static inline void celery_name_current_thread(const char *name) {
#if defined(__linux__)
    prctl(PR_SET_NAME, name, 0, 0, 0);
#else
    pthread_setname_np(name);
#endif
}

/// From here on freed memory is not kept for what comes next, as far as the C library lets one say so. glibc raises its
/// thresholds with the blocks that it has seen, and keeps blocks of up to 128 bytes as they are when they are freed: what
/// then lies at the end of a thread's own heap, even `malloc_trim` does not give back.
static inline void celery_keep_no_memory(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    mallopt(M_MXFAST, 0);
#endif
}

/// Small blocks are kept again.
static inline void celery_keep_small_memory(void) {
#if defined(__GLIBC__)
    mallopt(M_MXFAST, 64 * sizeof(size_t) / 4);
#endif
}

/// Gives what is free at the moment back to the system.
static inline void celery_give_back_memory(void) {
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

/// What the process has used of the processors, in seconds: Swift's modules do not agree on whose `timeval` is.
static inline double celery_user_seconds(const struct rusage *usage) {
    return (double)usage->ru_utime.tv_sec + (double)usage->ru_utime.tv_usec / 1e6;
}
static inline double celery_system_seconds(const struct rusage *usage) {
    return (double)usage->ru_stime.tv_sec + (double)usage->ru_stime.tv_usec / 1e6;
}

/// `poll` with a timeout in nanoseconds; below zero there is none. Where the system only counts milliseconds they are
/// rounded up, so that nothing wakes early and spins.
struct pollfd;
int celery_poll(struct pollfd *descriptors, unsigned int count, int64_t nanoseconds);

#endif
