// The commands that a client and a worker send to Redis, by hiredis, and nothing else.
//
//   redis-loop publish PORT QUEUE TEMPLATE COUNT WINDOW          LPUSH, WINDOW of them under way
//   redis-loop drain PORT QUEUE COUNT PREFETCH CLAIM [STORE]     claims of at most PREFETCH, then their acks with the
//                                                                next claim; STORE (a script) for results
//   redis-loop trip PORT QUEUE TEMPLATE COUNT PAUSE CLAIM STORE  one task after the other, PAUSE microseconds between,
//                                                                from a caller to a worker that waits by client
//                                                                tracking, and back
#include "results.h"

static void publish(int port, const char *queue, const char *path, long count, int window) {
    redisContext *connection = open_redis(port, 0);
    size_t length, marks[16];
    char *envelope = read_file(path, &length), id[ID_LENGTH + 1];
    int places = find_marks(envelope, marks, 16);
    double start = now(CLOCK_MONOTONIC);
    for (long sent = 0; sent < count;) {
        int batch = 0;
        for (; batch < window && sent < count; batch++, sent++) {
            next_id(id);
            for (int i = 0; i < places; i++) memcpy(envelope + marks[i], id, ID_LENGTH);
            redisAppendCommand(connection, "LPUSH %s %b", queue, envelope, length);
        }
        skip_replies(connection, batch);
    }
    report(count, now(CLOCK_MONOTONIC) - start, cpu_seconds());
}

// A worker: what it holds, and where it claims.
typedef struct {
    redisContext *connection, *results;
    char *claim, *store;
    char lists[4][256], end[256], (*tags)[64];
    int limit, held, acks, stored, is_empty;
    long next;
} Worker;

static Worker open_worker(int port, const char *queue, int prefetch, const char *claim, const char *store) {
    static const char *steps[] = {"", "\6\26" "3", "\6\26" "6", "\6\26" "9"};
    Worker worker = {.limit = prefetch, .next = 1, .tags = calloc((size_t)prefetch, sizeof *worker.tags)};
    worker.connection = open_redis(port, 0);
    worker.results = open_redis(port, RESULT_DATABASE);
    worker.claim = load_script(worker.connection, claim);
    worker.store = store ? load_script(worker.results, store) : NULL;
    for (int i = 0; i < 4; i++) snprintf(worker.lists[i], sizeof worker.lists[i], "%s%s", queue, steps[i]);
    snprintf(worker.end, sizeof worker.end, ", \"\", \"%s\"]", queue);
    return worker;
}

// Adds the acks of what is held, if anything is.
static void append_acks(Worker *worker) {
    worker->acks = 0;
    if (worker->held == 0) return;
    const char *command[worker->held + 2];
    for (int i = 0; i < worker->held; i++) command[i + 2] = worker->tags[i];
    command[0] = "HDEL", command[1] = "unacked";
    redisAppendCommandArgv(worker->connection, worker->held + 2, command, NULL);
    command[0] = "ZREM", command[1] = "unacked_index";
    redisAppendCommandArgv(worker->connection, worker->held + 2, command, NULL);
    worker->acks = 2;
    worker->held = 0;
}

static void append_claim(Worker *worker) {
    char limit[16], score[32], number[32], prefix[] = "bench-bench-bench-bench-bench-bench-:";
    snprintf(limit, sizeof limit, "%d", worker->limit);
    snprintf(score, sizeof score, "%.6f", now(CLOCK_REALTIME) - 3600 + 60);
    snprintf(number, sizeof number, "%ld", worker->next);
    const char *command[] = {
        // There is nobody to take turns with.
        "EVALSHA", worker->claim, "8", "unacked", "unacked_index", "bench_idle", "bench_turn", worker->lists[0],
        worker->lists[1], worker->lists[2], worker->lists[3], limit, score, prefix, number, "", "", worker->end,
        worker->end, worker->end, worker->end};
    redisAppendCommandArgv(worker->connection, sizeof command / sizeof *command, command, NULL);
    redisAppendCommand(
        worker->connection, "EXISTS %s %s %s %s", worker->lists[0], worker->lists[1], worker->lists[2],
        worker->lists[3]);
}

// Sends what was added to both connections and reads the answers, but for the claim's.
static void exchange(Worker *worker) {
    for (int done = 0; !done;)
        if (redisBufferWrite(worker->connection, &done) != REDIS_OK) fail("redis", worker->connection->errstr);
    for (int done = 0; worker->stored > 0 && !done;)
        if (redisBufferWrite(worker->results, &done) != REDIS_OK) fail("redis", worker->results->errstr);
    skip_replies(worker->connection, worker->acks);
    skip_replies(worker->results, worker->stored);
    worker->acks = worker->stored = 0;
}

// Reads the claim's answers and adds the results; returns how many messages came.
static int take_claim(Worker *worker) {
    redisReply *answer = read_reply(worker->connection);
    if (answer->type != REDIS_REPLY_ARRAY || answer->elements < 6) fail("a claim's answer of another form", answer->str);
    redisReply *found = answer->element[0];
    for (size_t i = 1; i < found->elements; i += 2) {
        snprintf(worker->tags[worker->held++], sizeof *worker->tags, "bench-bench-bench-bench-bench-bench-:%ld",
                 worker->next++);
        if (!worker->store) continue;
        const char *id = strstr(found->element[i]->str, "\"id\": \"");
        if (!id) fail("a message without an id", found->element[i]->str);
        append_result(worker->results, worker->store, id + 7);
        worker->stored++;
    }
    freeReplyObject(answer);
    redisReply *left = read_reply(worker->connection);
    worker->is_empty = left->integer == 0;
    freeReplyObject(left);
    return worker->held;
}

static void drain(int port, const char *queue, long count, int prefetch, const char *claim, const char *store) {
    Worker worker = open_worker(port, queue, prefetch, claim, store);
    double start = now(CLOCK_MONOTONIC), cpu = cpu_seconds();
    for (long claimed = 0; claimed < count || worker.held > 0;) {
        append_acks(&worker);
        int claims = claimed < count;
        if (claims) append_claim(&worker);
        exchange(&worker);
        if (claims) claimed += take_claim(&worker);
    }
    report(count, now(CLOCK_MONOTONIC) - start, cpu_seconds() - cpu);
}

static Worker idle_worker;

static void work(void) {
    int port = idle_worker.connection->tcp.port;
    redisContext *news = open_redis(port, 0);
    redisReply *id = redisCommand(news, "CLIENT ID");
    freeReplyObject(redisCommand(news, "SUBSCRIBE __redis__:invalidate"));
    freeReplyObject(redisCommand(idle_worker.connection, "CLIENT TRACKING ON REDIRECT %lld", id->integer));
    for (;;) {
        // The last claim left nothing: the next push is announced.
        if (idle_worker.is_empty) freeReplyObject(read_reply(news));
        append_claim(&idle_worker);
        exchange(&idle_worker);
        take_claim(&idle_worker);
        append_acks(&idle_worker);
        exchange(&idle_worker);
    }
}

static void trip(
    int port, const char *queue, const char *path, int count, useconds_t pause, const char *claim, const char *store) {
    idle_worker = open_worker(port, queue, 8, claim, store);
    pid_t worker = start_worker(work);
    redisContext *connection = open_redis(port, 0), *results = open_redis(port, RESULT_DATABASE);
    redisContext *updates = open_redis(port, RESULT_DATABASE);
    size_t length, marks[16];
    char *envelope = read_file(path, &length), id[ID_LENGTH + 1];
    int places = find_marks(envelope, marks, 16);
    double *trips = calloc((size_t)count, sizeof *trips);
    for (int i = -5; i < count; i++) {
        if (pause) usleep(pause);
        next_id(id);
        for (int place = 0; place < places; place++) memcpy(envelope + marks[place], id, ID_LENGTH);
        double start = now(CLOCK_MONOTONIC);
        freeReplyObject(redisCommand(connection, "LPUSH %s %b", queue, envelope, length));
        await_result(results, updates, id);
        if (i >= 0) trips[i] = now(CLOCK_MONOTONIC) - start;
        end_subscription(updates);
    }
    report_trips(worker, trips, count);
}

int main(int argc, char **argv) {
    if (argc == 7 && !strcmp(argv[1], "publish"))
        publish(atoi(argv[2]), argv[3], argv[4], atol(argv[5]), atoi(argv[6]));
    else if ((argc == 7 || argc == 8) && !strcmp(argv[1], "drain"))
        drain(atoi(argv[2]), argv[3], atol(argv[4]), atoi(argv[5]), argv[6], argc == 8 ? argv[7] : NULL);
    else if (argc == 9 && !strcmp(argv[1], "trip"))
        trip(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]), (useconds_t)atoi(argv[6]), argv[7], argv[8]);
    else
        fail("usage", "see the top of redis_loop.c");
    return 0;
}
