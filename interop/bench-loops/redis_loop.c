// The commands that a client and a worker send to Redis, by hiredis, and nothing else.
//
//   redis-loop publish PORT QUEUE TEMPLATE COUNT WINDOW          LPUSH, WINDOW of them under way
//   redis-loop drain PORT QUEUE COUNT PREFETCH CLAIM [STORE]     claims of at most PREFETCH, then their acks with the
//                                                                next claim; STORE (a script) for results
#include <hiredis/hiredis.h>

#include "loop.h"

static redisContext *open_connection(int port, int database) {
    redisContext *connection = redisConnect("127.0.0.1", port);
    if (!connection || connection->err) fail("redis", connection ? connection->errstr : "no memory");
    freeReplyObject(redisCommand(connection, "SELECT %d", database));
    return connection;
}

static redisReply *read_reply(redisContext *connection) {
    void *reply = NULL;
    if (redisGetReply(connection, &reply) != REDIS_OK) fail("redis", connection->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) fail("redis", ((redisReply *)reply)->str);
    return reply;
}

static void skip_replies(redisContext *connection, int count) {
    while (count-- > 0) freeReplyObject(read_reply(connection));
}

static char *load_script(redisContext *connection, const char *path) {
    size_t length;
    char *source = read_file(path, &length);
    redisReply *reply = redisCommand(connection, "SCRIPT LOAD %b", source, length);
    if (!reply || reply->type != REDIS_REPLY_STRING) fail("SCRIPT LOAD", path);
    return strdup(reply->str);
}

static void publish(int port, const char *queue, const char *path, long count, int window) {
    redisContext *connection = open_connection(port, 0);
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

static void drain(int port, const char *queue, long count, int prefetch, const char *claim, const char *store) {
    redisContext *connection = open_connection(port, 0), *results = open_connection(port, 1);
    char *claim_digest = load_script(connection, claim), *store_digest = store ? load_script(results, store) : NULL;
    char lists[4][256], end[256], limit[16], score[32], number[32], key[128], value[256];
    char prefix[] = "bench-bench-bench-bench-bench-bench-:", (*tags)[64] = calloc((size_t)prefetch, 64);
    static const char *steps[] = {"", "\6\26" "3", "\6\26" "6", "\6\26" "9"};
    for (int i = 0; i < 4; i++) snprintf(lists[i], sizeof lists[i], "%s%s", queue, steps[i]);
    snprintf(end, sizeof end, ", \"\", \"%s\"]", queue);
    snprintf(limit, sizeof limit, "%d", prefetch);
    const char **command = calloc((size_t)prefetch + 16, sizeof *command);

    double start = now(CLOCK_MONOTONIC), cpu = cpu_seconds();
    long claimed = 0, next = 1;
    int held = 0, stored = 0;
    while (claimed < count || held > 0) {
        int acks = 0;
        if (held > 0) {
            redisAppendCommand(connection, "MULTI");
            for (int i = 0; i < held; i++) command[i + 2] = tags[i];
            command[0] = "ZREM", command[1] = "unacked_index";
            redisAppendCommandArgv(connection, held + 2, command, NULL);
            command[0] = "HDEL", command[1] = "unacked";
            redisAppendCommandArgv(connection, held + 2, command, NULL);
            redisAppendCommand(connection, "EXEC");
            acks = 4;
            held = 0;
        }
        int claims = claimed < count;
        if (claims) {
            snprintf(score, sizeof score, "%.6f", now(CLOCK_REALTIME) - 3600 + 60);
            snprintf(number, sizeof number, "%ld", next);
            const char *call[] = {
                "EVALSHA", claim_digest, "6", "unacked", "unacked_index", lists[0], lists[1], lists[2], lists[3],
                limit, score, prefix, number, end, end, end, end};
            redisAppendCommandArgv(connection, 17, call, NULL);
        }
        for (int done = 0; !done;)
            if (redisBufferWrite(connection, &done) != REDIS_OK) fail("redis", connection->errstr);
        for (int done = 0; stored > 0 && !done;)
            if (redisBufferWrite(results, &done) != REDIS_OK) fail("redis", results->errstr);
        skip_replies(connection, acks);
        skip_replies(results, stored);
        stored = 0;
        if (!claims) continue;
        redisReply *found = read_reply(connection);
        for (size_t i = 1; i < found->elements; i += 2) {
            snprintf(tags[held++], sizeof tags[0], "%s%ld", prefix, next++);
            if (!store) continue;
            const char *id = strstr(found->element[i]->str, "\"id\": \"");
            if (!id) fail("a message without an id", found->element[i]->str);
            snprintf(key, sizeof key, "celery-task-meta-%.36s", id + 7);
            snprintf(
                value, sizeof value,
                "{\"status\": \"SUCCESS\", \"result\": 6, \"traceback\": null, \"children\": [], "
                "\"date_done\": \"2026-01-01T00:00:00.000000+00:00\", \"task_id\": \"%.36s\"}", id + 7);
            redisAppendCommand(results, "EVALSHA %s 1 %s %s 86400", store_digest, key, value);
            stored++;
        }
        claimed += held;
        freeReplyObject(found);
    }
    report(count, now(CLOCK_MONOTONIC) - start, cpu_seconds() - cpu);
}

int main(int argc, char **argv) {
    if (argc == 7 && !strcmp(argv[1], "publish"))
        publish(atoi(argv[2]), argv[3], argv[4], atol(argv[5]), atoi(argv[6]));
    else if ((argc == 7 || argc == 8) && !strcmp(argv[1], "drain"))
        drain(atoi(argv[2]), argv[3], atol(argv[4]), atoi(argv[5]), argv[6], argc == 8 ? argv[7] : NULL);
    else
        fail("usage", "see the top of redis_loop.c");
    return 0;
}
