// What both loops share: clock, numbered ids, files, and the line of JSON at the end.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ID_LENGTH 36
// Stands for the task's id in a template.
#define ID_MARK "00000000-0000-0000-0000-000000000000"

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "bench loop: %s: %s\n", what, why && *why ? why : "failed");
    exit(1);
}

static inline double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// A new id in the form of a UUID: writes ID_LENGTH characters and a zero.
static inline void next_id(char *id) {
    static unsigned long number;
    snprintf(id, ID_LENGTH + 1, "%08x-0000-4000-8000-%012lx", (unsigned)getpid(), ++number & 0xffffffffffffUL);
}

static inline char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot open", path);
    char *text = malloc(1 << 20);
    *length = fread(text, 1, (1 << 20) - 1, file);
    text[*length] = 0;
    fclose(file);
    return text;
}

// Where the id stands in a template; returns how many places there are.
static inline int find_marks(const char *text, size_t *marks, int limit) {
    int count = 0;
    for (const char *at = text; count < limit && (at = strstr(at, ID_MARK)); at += ID_LENGTH)
        marks[count++] = (size_t)(at - text);
    return count;
}

static inline void report(long count, double seconds, double cpu) {
    printf("{\"count\": %ld, \"seconds\": %.6f, \"cpu\": %.6f}\n", count, seconds, cpu);
}

// Runs the worker's half of a round trip in a process of its own, which ends with this one.
static inline pid_t start_worker(void (*worker)(void)) {
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        worker();
        exit(0);
    }
    return child;
}

static inline void report_trips(pid_t worker, const double *trips, int count) {
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    printf("{\"trips\": [");
    for (int i = 0; i < count; i++) printf("%s%.6f", i ? ", " : "", trips[i]);
    printf("]}\n");
}
