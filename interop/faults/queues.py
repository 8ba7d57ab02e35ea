"""What the servers hold: results, and messages that wait or are held."""
import json

import redis

QUEUE = "chaos"


class Results:
    """The result backend, read directly."""

    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)

    def read(self, identifiers):
        """The stored states of these tasks, by their ids."""
        found = {}
        for begin in range(0, len(identifiers), 1000):
            batch = identifiers[begin:begin + 1000]
            values = self.redis.mget([f"celery-task-meta-{identifier}" for identifier in batch])
            found.update((key, json.loads(value)) for key, value in zip(batch, values) if value)
        return found

    def noted_start(self, identifier):
        """When the worker of `fleet.noting_app` has started this task for the last time, as `time.time()` counts; None if
        it has not.
        """
        return self.redis.zscore("chaos:started", identifier)


def queue_of(kind, server):
    return RedisQueue(server.url) if kind == "redis" else RabbitMQQueue(server)


class RedisQueue:
    """How many messages wait or are held, on Redis."""

    def __init__(self, url):
        self.redis = redis.Redis.from_url(url)

    def left(self):
        lists = sum(self.redis.llen(QUEUE + suffix) for suffix in ("", "\x06\x163", "\x06\x166", "\x06\x169"))
        return {"queue": lists, "unacked": self.redis.hlen("unacked"), "unacked_index": self.redis.zcard("unacked_index")}


class RabbitMQQueue:
    """How many messages wait or are held, on RabbitMQ."""

    def __init__(self, server):
        self.server = server

    def left(self):
        output = self.server.control("list_queues", "--no-table-headers", "name", "messages_ready",
                                     "messages_unacknowledged")
        for line in output.splitlines():
            name, ready, unacked = line.split("\t")
            if name == QUEUE:
                return {"queue": int(ready), "unacked": int(unacked)}
        return {"queue": 0, "unacked": 0}
