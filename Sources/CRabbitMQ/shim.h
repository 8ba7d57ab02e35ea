#ifndef CRABBITMQ_SHIM_H
#define CRABBITMQ_SHIM_H

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif

static inline amqp_table_entry_t celery_amqp_text(const char *key, const char *text) {
    amqp_table_entry_t entry;
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes(text);
    return entry;
}

static inline amqp_table_entry_t celery_amqp_true(const char *key) {
    amqp_table_entry_t entry;
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

/// The whole handshake, with the PLAIN mechanism: the library's own function is variadic, which Swift cannot call.
/// `name` is what the server's lists of connections show.
static inline amqp_rpc_reply_t celery_amqp_login(
    amqp_connection_state_t state, const char *vhost, int frame_max, int heartbeat, const char *name,
    const char *user, const char *password) {
    amqp_table_entry_t capabilities[5] = {
        celery_amqp_true("authentication_failure_close"), celery_amqp_true("basic.nack"),
        celery_amqp_true("connection.blocked"), celery_amqp_true("consumer_cancel_notify"),
        celery_amqp_true("publisher_confirms"),
    };
    amqp_table_entry_t properties[3];
    amqp_table_t table = {3, properties};
    properties[0] = celery_amqp_text("product", "swift-celery");
    properties[1] = celery_amqp_text("connection_name", name);
    properties[2].key = amqp_cstring_bytes("capabilities");
    properties[2].value.kind = AMQP_FIELD_KIND_TABLE;
    properties[2].value.value.table.num_entries = 5;
    properties[2].value.value.table.entries = capabilities;
    return amqp_login_with_properties(
        state, vhost, 0, frame_max, heartbeat, &table, AMQP_SASL_METHOD_PLAIN, user, password);
}

#endif
