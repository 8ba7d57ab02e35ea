// For programs under valgrind, whose version in Debian 12 writes to the mask that `sigsuspend` is given and falls over
// libdispatch's, which is constant.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, 8);
}
