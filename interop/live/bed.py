"""What the live tests stand on: a broker with a Swift worker and a Python app, and words for what must hold."""
import contextlib
import gc
import os
import re
import subprocess
import time

import kombu.pools
import pytest
import redis
from celery import Celery

from fleet import workers

KINDS = ["redis", "rabbitmq"]
# Marks a test that makes sense on one broker alone.
only = pytest.mark.only


def equal(actual, expected):
    __tracebackhide__ = True
    if actual != expected or type(actual) is not type(expected):
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def raises(text, call):
    """The call must raise an exception which prints as `Name: message`. Returns the exception."""
    __tracebackhide__ = True
    try:
        value = call()
    except Exception as error:
        equal(f"{type(error).__name__}: {error}", text)
        return error
    raise AssertionError(f"expected {text}, got {value!r}")


def matches(text, pattern):
    __tracebackhide__ = True
    if not re.search(pattern, text):
        raise AssertionError(f"{pattern!r} is not in {text[-2000:]!r}")


def eventually(condition, what, seconds=10):
    """Waits until the condition gives something true, and returns that."""
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


class Bed:
    """A broker, a Swift worker that serves the queue `swift`, and a Python app that calls it."""

    def __init__(self, kind, server, backend=None):
        self.kind, self.server = kind, server
        self.broker = server.url
        self.backend = backend or (server.url if kind == "redis" else "rpc://")
        self.stack = contextlib.ExitStack()
        self.app = self.make_app()
        self.swift = self.swift_worker(arguments=["-c", "4"])

    def make_app(self, **settings):
        """A Python app of its own; calls to `swift.*` and `python.*` go to the queues of that name."""
        app = Celery("live", broker=self.broker, backend=self.backend)
        app.conf.update(
            task_routes={"swift.*": {"queue": "swift"}, "python.*": {"queue": "python"}},
            redis_retry_on_timeout=True, **settings)
        self.stack.callback(app.close)
        return app

    def swift_worker(self, queues=("swift",), name="swift", arguments=(), broker=None):
        """A running Swift worker, which ends with the bed."""
        worker = workers.SwiftWorker(broker or self.broker, self.backend, queues, name, arguments)
        return self.stack.enter_context(worker).wait_until_ready()

    def python_worker(self, queues=("python",), name="python", arguments=("--pool", "solo"), **more):
        worker = workers.PythonWorker(self.broker, self.backend, queues, name, arguments=arguments, **more)
        return self.stack.enter_context(worker).wait_until_ready()

    def send(self, task, *args, **kwargs):
        """Sends a task to the Swift worker. Positional and keyword arguments are the task's."""
        return self.app.send_task(f"swift.{task}", args, kwargs)

    def call(self, task, *args, **kwargs):
        return self.send(task, *args, **kwargs).get(timeout=15)

    def tool(self, *arguments, broker=None, backend=None, timeout=30, variables={}):
        """Runs celery-swift; returns its status, its output and its errors."""
        environment = {**os.environ, **workers.addresses(broker or self.broker, backend or self.backend), **variables}
        done = subprocess.run(
            [workers.swift_binary(), *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=timeout)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    @property
    def redis(self):
        return redis.Redis.from_url(self.broker, decode_responses=False)

    def held_and_waiting(self, queue):
        """How many messages of the queue are held by workers, and how many wait."""
        if self.kind == "redis":
            # An entry ends with the routing key, which is the queue where nothing is bound.
            held = sum(entry.endswith(f'"{queue}"]'.encode()) for entry in self.redis.hvals("unacked"))
            return held, self.redis.llen(queue)
        for line in self.server.control(
                "list_queues", "--no-table-headers", "name", "messages_unacknowledged", "messages_ready").splitlines():
            name, held, ready = line.split("\t")
            if name == queue:
                return int(held), int(ready)
        return 0, 0

    def close(self):
        # Results that are only found to be garbage once their server is gone would complain.
        gc.collect()
        self.stack.close()
        # kombu keeps connections for the next app, also those that a test has cut.
        kombu.pools.reset()
        if self.kind == "redis":
            # What a killed worker held stays there, and the next bed may count it.
            self.redis.flushall()
