// Redis and the results in it, for both loops.
#include <hiredis/hiredis.h>

#include "loop.h"

#define RESULT_DATABASE 1

static inline redisContext *open_redis(int port, int database) {
    redisContext *connection = redisConnect("127.0.0.1", port);
    if (!connection || connection->err) fail("redis", connection ? connection->errstr : "no memory");
    freeReplyObject(redisCommand(connection, "SELECT %d", database));
    return connection;
}

static inline redisReply *read_reply(redisContext *connection) {
    void *reply = NULL;
    if (redisGetReply(connection, &reply) != REDIS_OK) fail("redis", connection->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR) fail("redis", ((redisReply *)reply)->str);
    return reply;
}

static inline void skip_replies(redisContext *connection, int count) {
    while (count-- > 0) freeReplyObject(read_reply(connection));
}

static inline char *load_script(redisContext *connection, const char *path) {
    size_t length;
    char *source = read_file(path, &length);
    redisReply *reply = redisCommand(connection, "SCRIPT LOAD %b", source, length);
    if (!reply || reply->type != REDIS_REPLY_STRING) fail("SCRIPT LOAD", path);
    return strdup(reply->str);
}

// Adds the command that stores a task's result and announces it.
static inline void append_result(redisContext *connection, const char *digest, const char *id) {
    char key[128], value[256];
    snprintf(key, sizeof key, "celery-task-meta-%.36s", id);
    snprintf(
        value, sizeof value,
        "{\"status\": \"SUCCESS\", \"result\": 6, \"traceback\": null, \"children\": [], "
        "\"date_done\": \"2026-01-01T00:00:00.000000+00:00\", \"task_id\": \"%.36s\"}", id);
    redisAppendCommand(connection, "EVALSHA %s 1 %s %s 86400", digest, key, value);
}

// What a caller does to wait for a result: subscribes, looks whether it is there, else waits for the message.
static inline void await_result(redisContext *results, redisContext *updates, const char *id) {
    char key[128];
    snprintf(key, sizeof key, "celery-task-meta-%.36s", id);
    freeReplyObject(redisCommand(updates, "SUBSCRIBE %s", key));
    redisReply *found = redisCommand(results, "GET %s", key);
    int messages = found && found->type == REDIS_REPLY_NIL ? 1 : 0;
    freeReplyObject(found);
    skip_replies(updates, messages);
}

// Takes what is still announced, up to the end of the subscription.
static inline void end_subscription(redisContext *updates) {
    redisAppendCommand(updates, "UNSUBSCRIBE");
    for (int done = 0; !done;) {
        redisReply *reply = read_reply(updates);
        done = reply->type == REDIS_REPLY_ARRAY && !strcmp(reply->element[0]->str, "unsubscribe");
        freeReplyObject(reply);
    }
}
