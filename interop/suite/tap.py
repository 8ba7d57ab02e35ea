"""The signal `task_received` for tasks that a worker of another process receives.

The broker shows each message that is put into the queue: Redis by MONITOR, RabbitMQ by its tracer. Whenever a test has
waited for a result, the signal is sent for each message that was put there up to then, in the thread of the test.
"""
import base64
import codecs
import collections
import contextlib
import json
import re
import socket
import threading
import uuid
from types import SimpleNamespace
from urllib.parse import urlsplit

from celery import signals
from celery.result import AsyncResult, ResultSet
from celery.worker.request import Request
from kombu import Exchange, Queue
from kombu.utils.encoding import bytes_to_str

QUEUE = "celery"
# So long is waited for what the broker has yet to show.
SECONDS = 10


class Tap:
    """Messages as they are put into the queue. A thread reads them, `send_signals` tells of them."""

    def __init__(self, app):
        self.app = app
        self.messages = collections.deque()
        self.marks = set()
        self.has_news = threading.Condition()
        self.is_ending = False

    def put(self, headers, body, properties):
        with self.has_news:
            self.messages.append((headers, body, properties))

    def put_mark(self, mark):
        with self.has_news:
            self.marks.add(mark)
            self.has_news.notify_all()

    def send_mark(self, mark):
        """Makes the broker show a mark, behind all that it has to show by now."""
        raise NotImplementedError

    def read(self, on_ready):
        """Reads until `is_ending`."""
        raise NotImplementedError

    def send_signals(self):
        mark = str(uuid.uuid4())
        self.send_mark(mark)
        with self.has_news:
            assert self.has_news.wait_for(lambda: mark in self.marks, SECONDS), "the broker does not show its messages"
            messages, self.messages = self.messages, collections.deque()
        for message in messages:
            self.send_signal(*message)

    def send_signal(self, headers, body, properties):
        # Protocol 1 has no headers, and results have none that name a task.
        if "task" not in headers:
            return
        message = SimpleNamespace(delivery_info={"routing_key": QUEUE}, properties=properties, headers=headers)
        # Steps that the worker makes up are none of the app's.
        task = self.app.tasks.get(headers["task"]) or self.app.tasks["celery.accumulate"]
        request = Request(message, app=self.app, task=task, headers=headers, body=body, decoded=True, hostname="tap")
        signals.task_received.send(sender=None, request=request)


class RedisTap(Tap):
    LINE = re.compile(rb'"((?:[^"\\]|\\.)*)"')
    PUSHES = (b"LPUSH", b"RPUSH")

    def __init__(self, app):
        super().__init__(app)
        parts = urlsplit(app.conf.broker_url)
        self.address = parts.hostname, parts.port or 6379

    def send_mark(self, mark):
        with socket.create_connection(self.address, SECONDS) as connection:
            connection.sendall(f"ECHO {mark}\r\n".encode())
            connection.recv(100)

    def read(self, on_ready):
        with socket.create_connection(self.address, SECONDS) as connection:
            connection.sendall(b"MONITOR\r\n")
            connection.settimeout(0.2)
            rest = b""
            while not self.is_ending:
                try:
                    chunk = connection.recv(1 << 16)
                except TimeoutError:
                    continue
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\r\n")
                for line in lines:
                    if line.startswith(b"+OK"):
                        on_ready()
                    else:
                        self.take([codecs.escape_decode(each)[0] for each in self.LINE.findall(line)])

    def take(self, command):
        name = command[0].upper() if command else b""
        if name == b"ECHO":
            self.put_mark(command[1].decode())
        # Each priority has a list of its own.
        elif name in self.PUSHES and command[1].split(b"\x06\x16")[0] == QUEUE.encode():
            for envelope in map(json.loads, command[2:]):
                body = base64.b64decode(envelope["body"])
                self.put(envelope["headers"], json.loads(body), envelope["properties"])


class RabbitMQTap(Tap):
    """`rabbitmqctl trace_on` must have been said."""

    def send_mark(self, mark):
        # There is no such queue: it is shown and thrown away.
        with self.app.connection_for_write() as connection, connection.channel() as channel:
            connection.Producer(channel).publish("", exchange="", routing_key=f"mark.{mark}", retry=False)

    def read(self, on_ready):
        tracer = Exchange("amq.rabbitmq.trace", type="topic", passive=True, no_declare=True)
        with self.app.connection_for_read() as connection, connection.channel() as channel:
            queue = Queue("", tracer, routing_key="publish.#", exclusive=True, auto_delete=True, durable=False)
            with connection.Consumer([queue], on_message=self.take, channel=channel, accept=None, no_ack=True):
                on_ready()
                while not self.is_ending:
                    try:
                        connection.drain_events(timeout=0.2)
                    except TimeoutError:
                        pass

    def take(self, message):
        for key in map(bytes_to_str, message.headers.get("routing_keys", [])):
            if key.startswith("mark."):
                self.put_mark(key.removeprefix("mark."))
            elif key == QUEUE:
                properties = message.headers.get("properties") or {}
                self.put(properties.get("headers") or {}, json.loads(message.body), properties)


@contextlib.contextmanager
def tapped(app):
    """Sends the signal while the block runs."""
    tap = (RedisTap if app.conf.broker_url.startswith("redis") else RabbitMQTap)(app)
    is_ready = threading.Event()
    reader = threading.Thread(target=tap.read, args=(is_ready.set,), daemon=True)
    reader.start()
    assert is_ready.wait(SECONDS), "the broker does not show its messages"
    with contextlib.ExitStack() as stack:
        for kind in (AsyncResult, ResultSet):
            stack.enter_context(signalling(kind, tap))
        try:
            yield
        finally:
            tap.is_ending = True
            reader.join(SECONDS)


@contextlib.contextmanager
def signalling(kind, tap):
    get = kind.get

    def get_and_signal(self, *args, **kwargs):
        try:
            return get(self, *args, **kwargs)
        finally:
            tap.send_signals()

    kind.get = get_and_signal
    try:
        yield
    finally:
        kind.get = get
