#define _GNU_SOURCE
#include "CCelerySystem.h"

#include <poll.h>
#include <time.h>

int celery_poll(struct pollfd *descriptors, unsigned int count, int64_t nanoseconds) {
    if (nanoseconds < 0) { return poll(descriptors, count, -1); }
#if defined(__linux__)
    struct timespec timeout = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
    return ppoll(descriptors, count, &timeout, NULL);
#else
    return poll(descriptors, count, (int)((nanoseconds + 999999) / 1000000));
#endif
}
