"""How mutants and valid calls reach the queue of each broker, and how answers come back."""
import json
import uuid

import amqp
import redis

from fleet import servers
from mutations import amqp_wire
from mutations.templates import ID, amqp_templates, body_of, dumps, redis_templates
from mutations.values import base64_text

QUEUE = "celery"
# With --track-started there is a result before.
ENDED = ("SUCCESS", "FAILURE")
# Stands for the queue of our own that gets answers.
REPLIES = "(replies)"


def call_headers(identifier, changes):
    """Of a call of swift.add, with changes."""
    return {"lang": "py", "task": "swift.add", "id": identifier, "retries": 0, "root_id": identifier, **changes}


class RedisMutants:
    """A message is the text of the envelope."""

    def __init__(self):
        self.templates = list(redis_templates())

    def render(self, template, document, raw, identifier):
        envelope = document.get("envelope")
        body = body_of(document, template, raw).replace(ID.encode(), identifier.encode())
        if isinstance(envelope, dict):
            is_base64 = template.parts["envelope"]["properties"].get("body_encoding") == "base64"
            envelope = {"body": base64_text(body) if is_base64 else body.decode("utf-8", "replace"), **envelope}
        return dumps(envelope, raw).replace(ID, identifier).encode()

    def call(self, identifier, headers=(), body=b"", content_type="application/json", encoding="utf-8", properties=()):
        """A hand-made message."""
        properties = {
            "correlation_id": identifier, "reply_to": "", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": QUEUE}, "delivery_tag": str(uuid.uuid4()), **dict(properties)}
        return json.dumps({
            "body": base64_text(body), "content-encoding": encoding, "content-type": content_type,
            "headers": call_headers(identifier, dict(headers)), "properties": properties}).encode()

    def flipped(self, message, generator):
        return flipped(message, generator)

    def cut(self, message, generator):
        return message[:generator.randrange(len(message))]


class AMQPMutants:
    """A message is (properties, headers, body)."""

    def __init__(self):
        self.templates = list(amqp_templates())

    def render(self, template, document, raw, identifier):
        properties, headers = document.get("properties"), document.get("headers")
        parts = [properties if isinstance(properties, dict) else {}, headers if isinstance(headers, dict) else None]
        properties, headers = json.loads(dumps(parts, raw).replace(ID, identifier))
        return properties, headers, body_of(document, template, raw).replace(ID.encode(), identifier.encode())

    def call(self, identifier, headers=(), body=b"", content_type="application/json", encoding="utf-8", properties=()):
        properties = {"correlation_id": identifier, "reply_to": REPLIES, "content_type": content_type, "content_encoding": encoding,
                      "delivery_mode": 2, **dict(properties)}
        return properties, call_headers(identifier, dict(headers)), body

    def flipped(self, message, generator):
        """In the body or a text; a damaged table would be refused by RabbitMQ already."""
        properties, headers, body = message
        texts = [key for key, value in (headers or {}).items() if isinstance(value, str) and value]
        if texts and generator.random() < 0.5:
            key = generator.choice(texts)
            return properties, {**headers, key: flipped(amqp_wire.as_bytes(headers[key]), generator)}, body
        return properties, headers, flipped(body, generator)

    def cut(self, message, generator):
        properties, headers, body = message
        return properties, headers, body[:generator.randrange(len(body) + 1)]


def flipped(data, generator):
    """One to three bits are other than they were."""
    data = bytearray(data)
    for _ in range(generator.randint(1, 3)):
        if data:
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return bytes(data)


class RedisSide:
    mutants_type = RedisMutants

    def __init__(self, stack):
        # What mutants leave as results may go; the answers to valid calls are read before.
        self.results_server = stack.enter_context(servers.Redis(
            arguments=["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"]))
        self.server = stack.enter_context(servers.Redis())
        self.broker, self.backend = self.server.url, self.results_server.url
        self.redis = redis.Redis.from_url(self.broker)
        self.results = redis.Redis.from_url(self.backend)
        self.dead = 0

    def send(self, messages):
        self.redis.lpush(QUEUE, *messages)
        # What was put aside is counted and thrown away: nobody will look at it.
        with self.redis.pipeline() as pipeline:
            pipeline.llen(f"{QUEUE}.dead-letter").delete(f"{QUEUE}.dead-letter")
            self.dead += pipeline.execute()[0]

    def waiting(self):
        return self.redis.llen(QUEUE)

    def answers(self, identifiers):
        """The answers that are there, by the ids of their calls."""
        identifiers = list(identifiers)
        if not identifiers:
            return {}
        values = self.results.mget([f"celery-task-meta-{each}" for each in identifiers])
        results = {key: json.loads(value) for key, value in zip(identifiers, values) if value}
        return {key: result["result"] for key, result in results.items() if result["status"] in ENDED}

    def left(self):
        """What is neither done nor put aside."""
        lists = [key for key in self.redis.scan_iter(f"{QUEUE}*") if not key.endswith(b".dead-letter")]
        return {"waiting": sum(self.redis.llen(key) for key in lists), "held": self.redis.hlen("unacked")}

    def example(self):
        """Some of what is held."""
        return b" ".join(self.redis.hvals("unacked")[:3]).decode("utf-8", "replace")[:3000]


class RabbitMQSide:
    mutants_type = AMQPMutants

    def __init__(self, stack):
        self.server = stack.enter_context(servers.RabbitMQ())
        self.broker, self.backend = self.server.url, "rpc://"
        self.connection = amqp.Connection(f"127.0.0.1:{self.server.port}", heartbeat=0)
        self.connection.connect()
        stack.callback(self.connection.close)
        self.channel = self.connection.channel()
        self.channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        self.replies = self.channel.queue_declare("", exclusive=True).queue
        self.channel.basic_consume(self.replies, no_ack=True, callback=self.answered)
        self.found = {}
        self.dead = 0

    def answered(self, message):
        result = json.loads(message.body)
        if result["status"] in ENDED:
            self.found[message.properties.get("correlation_id")] = result["result"]

    def send(self, messages):
        frames = []
        for properties, headers, body in messages:
            if properties.get("reply_to") == REPLIES:
                properties = {**properties, "reply_to": self.replies}
            frames.append(amqp_wire.publish(
                self.channel.channel_id, QUEUE, properties, headers, body, self.connection.frame_max))
        self.connection.transport.write(b"".join(filter(None, frames)))

    def waiting(self):
        return self.channel.queue_declare(QUEUE, passive=True).message_count

    def answers(self, identifiers):
        try:
            while True:
                self.connection.drain_events(timeout=0.001)
        except TimeoutError:
            pass
        found, self.found = self.found, {}
        return found

    def left(self):
        lines = self.server.control(
            "list_queues", "--no-table-headers", "name", "messages_ready", "messages_unacknowledged").splitlines()
        counts = next((line.split("\t")[1:] for line in lines if line.startswith(f"{QUEUE}\t")), ["0", "0"])
        return {"waiting": int(counts[0]), "held": int(counts[1])}

    def example(self):
        return "held by the worker"


SIDES = {"redis": RedisSide, "rabbitmq": RabbitMQSide}
