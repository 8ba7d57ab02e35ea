// The commands that a client and a worker send to RabbitMQ, by librabbitmq, and nothing else.
//
//   rabbit-loop publish PORT QUEUE TASK COUNT WINDOW IGNORE      confirmed basic.publish, WINDOW of them under way;
//                                                                IGNORE (0, 1) is the header ignore_result
//   rabbit-loop drain PORT QUEUE COUNT PREFETCH [REDIS STORE]    basic.consume, one basic.ack for all that has come;
//                                                                REDIS (a port) and STORE (a script) for results
//   rabbit-loop trip PORT QUEUE COUNT PAUSE REDIS STORE          one task after the other, PAUSE microseconds between,
//                                                                from a caller to a worker and back
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

#include "results.h"

#define CHANNEL 1

static void check(int status, const char *what) {
    if (status < 0) fail(what, amqp_error_string2(status));
}

static void check_reply(amqp_connection_state_t connection, const char *what) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(what, reply.library_error ? amqp_error_string2(reply.library_error) : "refused");
}

static amqp_connection_state_t open_connection(int port) {
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    check(amqp_socket_open(socket, "127.0.0.1", port), "rabbitmq");
    amqp_rpc_reply_t login =
        amqp_login(connection, "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    if (login.reply_type != AMQP_RESPONSE_NORMAL) fail("rabbitmq", "no login");
    amqp_channel_open(connection, CHANNEL);
    check_reply(connection, "channel.open");
    return connection;
}

static amqp_table_entry_t entry(const char *key, amqp_field_value_kind_t kind, const char *text) {
    amqp_table_entry_t made = {.key = amqp_cstring_bytes(key), .value = {.kind = kind}};
    if (kind == AMQP_FIELD_KIND_UTF8) made.value.value.bytes = amqp_cstring_bytes(text);
    else if (kind == AMQP_FIELD_KIND_BOOLEAN) made.value.value.boolean = text != NULL;
    return made;
}

// Takes confirmations until so few are outstanding.
static long await_confirms(amqp_connection_state_t connection, long confirmed, long sent, long outstanding) {
    while (sent - confirmed > outstanding) {
        amqp_frame_t frame;
        check(amqp_simple_wait_frame(connection, &frame), "confirmation");
        if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
            fail("publish", "something else than basic.ack came");
        amqp_basic_ack_t *ack = frame.payload.method.decoded;
        confirmed = ack->multiple ? (long)ack->delivery_tag : confirmed + 1;
        amqp_maybe_release_buffers(connection);
    }
    return confirmed;
}

typedef struct {
    char id[ID_LENGTH + 1];
    amqp_field_value_t limits[2];
    amqp_table_entry_t headers[19];
    amqp_basic_properties_t properties;
} Message;

// The message that Celery sends, but for its id.
static void compose(Message *message, const char *task, int ignore) {
    *message = (Message){.id = ID_MARK};
    const char *id = message->id;
    message->limits[0].kind = message->limits[1].kind = AMQP_FIELD_KIND_VOID;
    amqp_table_entry_t headers[] = {
        entry("lang", AMQP_FIELD_KIND_UTF8, "py"), entry("task", AMQP_FIELD_KIND_UTF8, task),
        entry("id", AMQP_FIELD_KIND_UTF8, id), entry("shadow", AMQP_FIELD_KIND_VOID, NULL),
        entry("eta", AMQP_FIELD_KIND_VOID, NULL), entry("expires", AMQP_FIELD_KIND_VOID, NULL),
        entry("group", AMQP_FIELD_KIND_VOID, NULL), entry("group_index", AMQP_FIELD_KIND_VOID, NULL),
        entry("retries", AMQP_FIELD_KIND_I32, NULL), entry("timelimit", AMQP_FIELD_KIND_ARRAY, NULL),
        entry("root_id", AMQP_FIELD_KIND_UTF8, id), entry("parent_id", AMQP_FIELD_KIND_VOID, NULL),
        entry("argsrepr", AMQP_FIELD_KIND_UTF8, "(2, 3)"), entry("kwargsrepr", AMQP_FIELD_KIND_UTF8, "{}"),
        entry("origin", AMQP_FIELD_KIND_UTF8, "gen1@bench"),
        entry("ignore_result", AMQP_FIELD_KIND_BOOLEAN, ignore ? "yes" : NULL),
        entry("replaced_task_nesting", AMQP_FIELD_KIND_I32, NULL),
        entry("stamped_headers", AMQP_FIELD_KIND_VOID, NULL), entry("stamps", AMQP_FIELD_KIND_TABLE, NULL)};
    headers[9].value.value.array = (amqp_array_t){.num_entries = 2, .entries = message->limits};
    memcpy(message->headers, headers, sizeof headers);
    message->properties = (amqp_basic_properties_t){
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_HEADERS_FLAG
            | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .content_encoding = amqp_cstring_bytes("utf-8"),
        .headers = {.num_entries = sizeof headers / sizeof *headers, .entries = message->headers},
        .delivery_mode = 2,
        .priority = 0,
        .correlation_id = amqp_cstring_bytes(id)};
}

static void send_next(amqp_connection_state_t connection, const char *queue, Message *message) {
    const char *body =
        "[[2, 3], {}, {\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}]";
    next_id(message->id);
    check(
        amqp_basic_publish(
            connection, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &message->properties,
            amqp_cstring_bytes(body)),
        "basic.publish");
}

static amqp_connection_state_t open_publisher(int port) {
    amqp_connection_state_t connection = open_connection(port);
    amqp_confirm_select(connection, CHANNEL);
    check_reply(connection, "confirm.select");
    return connection;
}

static void publish(int port, const char *queue, const char *task, long count, long window, int ignore) {
    amqp_connection_state_t connection = open_publisher(port);
    Message message;
    compose(&message, task, ignore);
    double start = now(CLOCK_MONOTONIC);
    long confirmed = 0;
    for (long sent = 1; sent <= count; sent++) {
        send_next(connection, queue, &message);
        confirmed = await_confirms(connection, confirmed, sent, window - 1);
    }
    await_confirms(connection, confirmed, count, 0);
    report(count, now(CLOCK_MONOTONIC) - start, cpu_seconds());
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
}

// Reads one message; writes its correlation id and returns its delivery tag.
static uint64_t read_message(amqp_connection_state_t connection, char *id) {
    uint64_t tag = 0;
    for (size_t left = 1, begun = 0; left > 0;) {
        amqp_frame_t frame;
        check(amqp_simple_wait_frame(connection, &frame), "delivery");
        if (frame.frame_type == AMQP_FRAME_METHOD) {
            if (frame.payload.method.id != AMQP_BASIC_DELIVER_METHOD) fail("consume", "no basic.deliver came");
            tag = ((amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
        } else if (frame.frame_type == AMQP_FRAME_HEADER) {
            amqp_basic_properties_t *properties = frame.payload.properties.decoded;
            if (properties->correlation_id.len != ID_LENGTH) fail("consume", "a message without an id");
            memcpy(id, properties->correlation_id.bytes, ID_LENGTH);
            left = (size_t)frame.payload.properties.body_size;
            begun = 1;
        } else if (begun) {
            left -= frame.payload.body_fragment.len;
        }
    }
    return tag;
}

static void store_results(redisContext *redis, const char *digest, char (*ids)[ID_LENGTH + 1], int count) {
    for (int i = 0; i < count; i++) append_result(redis, digest, ids[i]);
    skip_replies(redis, count);
}

static void drain(int port, const char *queue, long count, int prefetch, int redis_port, const char *store) {
    redisContext *redis = NULL;
    char *digest = NULL;
    if (store) {
        redis = open_redis(redis_port, RESULT_DATABASE);
        digest = load_script(redis, store);
    }
    amqp_connection_state_t connection = open_connection(port);
    amqp_basic_qos(connection, CHANNEL, 0, (uint16_t)prefetch, 1);
    check_reply(connection, "basic.qos");
    char (*ids)[ID_LENGTH + 1] = calloc((size_t)prefetch, ID_LENGTH + 1);

    double start = now(CLOCK_MONOTONIC), cpu = cpu_seconds();
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check_reply(connection, "basic.consume");
    for (long done = 0; done < count;) {
        int batch = 0;
        uint64_t last;
        do last = read_message(connection, ids[batch++]);
        while (batch < prefetch && done + batch < count
               && (amqp_frames_enqueued(connection) || amqp_data_in_buffer(connection)));
        check(amqp_basic_ack(connection, CHANNEL, last, batch > 1), "basic.ack");
        if (store) store_results(redis, digest, ids, batch);
        amqp_maybe_release_buffers(connection);
        done += batch;
    }
    report(count, now(CLOCK_MONOTONIC) - start, cpu_seconds() - cpu);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
}

static amqp_connection_state_t idle_connection;
static redisContext *idle_results;
static char *idle_digest;

static void work(void) {
    char id[1][ID_LENGTH + 1];
    for (;;) {
        uint64_t tag = read_message(idle_connection, *id);
        check(amqp_basic_ack(idle_connection, CHANNEL, tag, 0), "basic.ack");
        store_results(idle_results, idle_digest, id, 1);
        amqp_maybe_release_buffers(idle_connection);
    }
}

static void trip(int port, const char *queue, int count, useconds_t pause, int redis_port, const char *store) {
    idle_results = open_redis(redis_port, RESULT_DATABASE);
    idle_digest = load_script(idle_results, store);
    idle_connection = open_connection(port);
    amqp_basic_consume(
        idle_connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check_reply(idle_connection, "basic.consume");
    pid_t worker = start_worker(work);
    redisContext *results = open_redis(redis_port, RESULT_DATABASE), *updates = open_redis(redis_port, RESULT_DATABASE);
    amqp_connection_state_t connection = open_publisher(port);
    Message message;
    compose(&message, "swift.mul", 0);
    double *trips = calloc((size_t)count, sizeof *trips);
    for (int i = -5; i < count; i++) {
        if (pause) usleep(pause);
        double start = now(CLOCK_MONOTONIC);
        send_next(connection, queue, &message);
        await_confirms(connection, 0, 1, 0);
        await_result(results, updates, message.id);
        if (i >= 0) trips[i] = now(CLOCK_MONOTONIC) - start;
        end_subscription(updates);
    }
    report_trips(worker, trips, count);
}

int main(int argc, char **argv) {
    if (argc == 8 && !strcmp(argv[1], "publish"))
        publish(atoi(argv[2]), argv[3], argv[4], atol(argv[5]), atol(argv[6]), atoi(argv[7]));
    else if ((argc == 6 || argc == 8) && !strcmp(argv[1], "drain"))
        drain(
            atoi(argv[2]), argv[3], atol(argv[4]), atoi(argv[5]), argc == 8 ? atoi(argv[6]) : 0,
            argc == 8 ? argv[7] : NULL);
    else if (argc == 8 && !strcmp(argv[1], "trip"))
        trip(atoi(argv[2]), argv[3], atoi(argv[4]), (useconds_t)atoi(argv[5]), atoi(argv[6]), argv[7]);
    else
        fail("usage", "see the top of rabbit_loop.c");
    return 0;
}
