"""Hand-made messages, sent as they are: what no client of Celery would write."""
import base64
import json
import uuid

import amqp

EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
ABSENT = object()


class Raw:
    """A hand-made message. By default it is a plain call of swift.add(2, 3)."""

    def __init__(self, body=([2, 3], {}, EMBED), content_type="application/json", content_encoding="utf-8",
                 headers=None, properties=None, envelope=None, entry=None, raw_body=None, only=()):
        self.body, self.raw_body = body, raw_body
        self.content_type, self.content_encoding = content_type, content_encoding
        self.headers = headers or {}
        self.properties = properties or {}
        # Redis only: changes of the envelope, or the whole entry of the list.
        self.envelope = envelope or {}
        self.entry = entry
        self.only = ("redis",) if envelope or entry is not None else only

    def header_fields(self, identifier):
        return changed({"lang": "py", "task": "swift.add", "id": identifier, "retries": 0, "root_id": identifier},
                       self.headers)

    def payload(self, identifier):
        # A body that holds the id is made of it.
        body = self.body(identifier) if callable(self.body) else self.body
        return self.raw_body if self.raw_body is not None else json.dumps(body).encode()

    def send(self, bed, identifier):
        (self.to_redis if bed.kind == "redis" else self.to_rabbitmq)(bed, identifier)

    def to_redis(self, bed, identifier):
        properties = changed({
            "correlation_id": identifier, "reply_to": "", "delivery_mode": 2, "priority": 0,
            "delivery_info": {"exchange": "", "routing_key": "swift"}, "body_encoding": "base64",
            "delivery_tag": str(uuid.uuid4())}, self.properties)
        body = self.payload(identifier)
        text = base64.b64encode(body).decode() if properties.get("body_encoding") == "base64" else body.decode()
        envelope = changed({
            "body": text, "content-encoding": self.content_encoding, "content-type": self.content_type,
            "headers": self.header_fields(identifier), "properties": properties}, self.envelope)
        entry = self.entry if self.entry is not None else json.dumps(changed(envelope, {})).encode()
        bed.redis.lpush("swift", entry)

    def to_rabbitmq(self, bed, identifier):
        properties = changed({"correlation_id": identifier, "reply_to": bed.app.thread_oid, "delivery_mode": 2,
                              "content_type": self.content_type, "content_encoding": self.content_encoding},
                             self.properties)
        with bed.app.connection_for_write() as connection:
            message = amqp.Message(
                self.payload(identifier), application_headers=self.header_fields(identifier), **changed(properties, {}))
            connection.default_channel.basic_publish(message, exchange="", routing_key="swift")


def changed(fields, changes):
    """The fields with these changes; what is ABSENT is left out."""
    return {key: value for key, value in {**fields, **changes}.items() if value is not ABSENT}


def expect_reply(bed, identifier):
    """For rpc:// the queue of the replies must be there before the reply."""
    if bed.kind == "rabbitmq":
        with bed.app.producer_pool.acquire(block=True) as producer:
            bed.app.backend.on_task_call(producer, identifier)
