"""A queue of mixed messages is captured: afterwards it is as before, and what is sent again is what was captured."""
import base64
import contextlib
import json
import re
import resource
import signal
import subprocess
import uuid

import amqp
import pytest
from celery import chain
from kombu import Exchange, Queue

from fleet import workers
from live.bed import KINDS, Bed, equal, eventually, matches

COUNT = 1000


class Source(Bed):
    """A broker alone, and an app that sends to a queue which nobody serves."""

    def __init__(self, kind, server, name, **queue):
        self.kind, self.server = kind, server
        self.broker = server.url
        self.backend = server.url if kind == "redis" else "rpc://"
        self.stack = contextlib.ExitStack()
        # With native delayed delivery what has an eta would wait elsewhere.
        self.app = self.make_app(worker_detect_quorum_queues=False)
        self.name, self.queue = name, Queue(name, **queue)
        self.app.conf.task_queues = [self.queue]
        self.app.conf.task_default_queue = name

    def fill(self):
        """Messages of all kinds, from Celery and from elsewhere."""
        with self.app.connection_for_write() as connection, self.app.amqp.Producer(connection) as producer:
            self.queue(connection.default_channel).declare()

            def send(signature, **options):
                signature.apply_async(producer=producer, queue=self.name, **options)

            def task(*args, **kwargs):
                return self.app.signature("swift.echo", args, kwargs, queue=self.name)

            kinds = [
                lambda n: send(task(n, note="ü\ud83d\ude80")),
                lambda n: send(task(n), priority=n % 10),
                lambda n: send(task(n), countdown=3600, expires=7200),
                lambda n: send(task(n), retries=3, headers={"trace": {"deep": [1, None, 2.5]}}),
                lambda n: send(chain(task(n), task(card="4111"), task())),
                lambda n: send(task(n), chord=task(), group_id=f"group-{n}", group_index=1),
                lambda n: send(task("x" * 5000, n), compression="gzip"),
                lambda n: send(task(n), link=task(), link_error=task()),
                lambda n: self.raw(connection, n, protocol1(n), headers={}),
                lambda n: self.raw(connection, n, b"\x80\x02\xff", content_type="application/x-python-serialize"),
                lambda n: self.raw(connection, n, b"\xff\x00 garbage \xfe"),
                lambda n: self.raw(connection, n, b"", content_type=None, headers={"x": "\udcff"}),
            ]
            for number in range(COUNT):
                kinds[number % len(kinds)](number)

    def can_be_run(self, number):
        """Whether a Swift worker can run the message: not what is no JSON."""
        kind = number % 12
        return kind not in (9, 10, 11) and not (kind == 8 and self.kind == "redis" and number % 5 == 0)

    def raw(self, connection, number, body, headers=None, content_type="application/json"):
        headers = {"task": "swift.echo", "id": f"raw-{number}"} if headers is None else headers
        if self.kind == "rabbitmq":
            headers = {key: value.encode("utf-8", "surrogateescape") if key == "x" else value
                       for key, value in headers.items()}
            message = amqp.Message(body, application_headers=headers, priority=number % 3,
                                   **({"content_type": content_type} if content_type else {}))
            connection.default_channel.basic_publish(message, exchange="", routing_key=self.name)
        elif number % 5 == 0:
            self.redis.lpush(self.name, body)
        else:
            envelope = {"body": base64.b64encode(body).decode(), "content-type": content_type, "headers": headers,
                        "properties": {"body_encoding": "base64", "delivery_tag": str(uuid.uuid4()),
                                       "delivery_info": {"exchange": "", "routing_key": self.name}}}
            # As no Python writes it.
            self.redis.lpush(self.name, json.dumps(envelope, separators=(",", ":")))

    def content(self, name=None):
        """All messages in the order in which they are served, without what the broker adds; they stay there."""
        name = name or self.name
        if self.kind == "redis":
            lists = [name] + [f"{name}\x06\x16{step}" for step in (3, 6, 9)]
            return [(key[len(name):], entry) for key in lists for entry in reversed(self.redis.lrange(key, 0, -1))]
        return self.delivered(name)

    def delivered(self, name):
        with self.app.connection_for_read() as connection:
            channel = connection.default_channel
            count = channel.queue_declare(name, passive=True).message_count
            found = []
            channel.basic_consume(name, callback=found.append)
            while len(found) < count:
                connection.drain_events(timeout=10)
            return [(properties(message), bytes_of(message.body)) for message in found]

    def close(self):
        self.stack.close()


def bytes_of(body):
    return body.encode() if isinstance(body, str) else bytes(body)


def properties(message):
    found = dict(message.properties)
    found["application_headers"] = {
        key: value for key, value in found.get("application_headers", {}).items() if key != "x-delivery-count"}
    return found


def protocol1(number):
    return json.dumps({"task": "swift.echo", "id": f"one-{number}", "args": [number], "kwargs": {}}).encode()


def untagged(content):
    """Without the tags that each sender's transport makes."""
    return [(where, re.sub(rb'("delivery_tag": ?)"[^"]*"', rb'\1""', entry)) for where, entry in content]


QUEUES = {
    "redis": [("plain", {})],
    "rabbitmq": [("plain", {}), ("priorities", {"max_priority": 9}),
                 ("quorum", {"queue_arguments": {"x-queue-type": "quorum"}})],
}


@pytest.mark.parametrize("kind, name, settings", [(kind, *entry) for kind in KINDS for entry in QUEUES[kind]])
def test_a_captured_queue_stays_as_it_was_and_is_sent_again_byte_for_byte(kind, name, settings, server_of, tmp_path):
    with contextlib.closing(Source(kind, server_of(kind), f"capture-{name}", **settings)) as source:
        source.fill()
        before = eventually(lambda: whole(source), "all messages are there")
        file = str(tmp_path / "orders.json")
        for arguments, expected in ((["--count", "7"], 7), (["--force"], len(before))):
            status, _, errors = source.tool("capture", "-Q", source.name, "-o", file, *arguments)
            equal(status, 0)
            matches(errors, rf"{expected} messages of {source.name} copied to {file}")
            assert eventually(lambda: whole(source), "all messages are there again") == before
        with open(file) as text:
            equal(len(json.load(text)["cases"]), len(before))
        status, lines, _ = source.tool("replay", file)
        equal((status, len(lines.splitlines())), (0, len(before)))
        status, output, _ = source.tool("replay", file, "--handlers")
        lines = [line for line in output.splitlines() if not line.startswith("  ")]
        equal((status, len(lines)), (1, len(before)))
        equal(sum("] succeeded: " in line for line in lines), sum(map(source.can_be_run, range(COUNT))))
        # To a queue of the same kind.
        other = Source(kind, source.server, source.name + "-again", **settings)
        with contextlib.closing(other), other.app.connection_for_write() as connection:
            other.queue(connection.default_channel).declare()
            status, output, errors = source.tool("replay", file, "--to", source.broker, "--queue", other.name)
            equal((status, output, errors), (0, f"{len(before)} messages sent", ""))
            again = eventually(lambda: whole(other), "all are there")
            again = untagged(again) if kind == "redis" else again
            if kind == "redis":
                before = untagged([(where, renamed(entry, source.name, other.name)) for where, entry in before])
            assert again == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_is_followed_until_the_user_ends_it(kind, server_of, tmp_path):
    settings = {"exchange": Exchange("follow", "topic"), "routing_key": "shop.#"} if kind == "rabbitmq" else {}
    with contextlib.closing(Source(kind, server_of(kind), "follow", **settings)) as source:
        file = tmp_path / "orders.json"
        queue = "follow?exchange=follow&exchange-type=topic&routing-key=shop.#"
        with source.app.connection_for_write() as connection, source.app.amqp.Producer(connection) as producer:
            source.queue(connection.default_channel).declare()
            signature = source.app.signature("swift.echo", (1,))
            if kind == "redis":
                signature.apply_async(producer=producer, queue="follow")
            follower = subprocess.Popen(
                [workers.swift_binary(), "capture", "-b", source.broker, "--follow", "-o", str(file), "-Q",
                 queue if kind == "rabbitmq" else "follow"], stderr=subprocess.PIPE, text=True)
            try:
                matches(follower.stderr.readline(), "following")
                for number in range(3 if kind == "rabbitmq" else 2):
                    signature.apply_async(producer=producer, queue="follow", priority=3 * number)
                eventually(lambda: file.exists() and len(json.loads(file.read_text())["cases"]) == 3, "three are copied")
                follower.send_signal(signal.SIGINT)
                matches(follower.stderr.read(), f"3 messages of follow copied to {file}")
                equal(follower.wait(10), 0)
            finally:
                follower.kill()
                follower.wait()
                follower.stderr.close()
        equal(len(source.content()), 3)
        if kind == "rabbitmq":
            status, _, errors = source.tool("capture", "--follow", "-Q", "celery", "-o", str(tmp_path / "other.json"))
            equal(status, 1)
            matches(errors, "celery cannot be followed on RabbitMQ: its messages come by the default exchange")


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_captured_is_said_and_leaves_nothing(kind, server_of, tmp_path):
    with contextlib.closing(Source(kind, server_of(kind), "passing", auto_delete=True)) as source:
        file = tmp_path / "orders.json"
        with source.app.connection_for_write() as connection, source.app.amqp.Producer(connection) as producer:
            source.queue(connection.default_channel).declare()
            source.app.signature("swift.echo", ("4111",)).apply_async(producer=producer, queue="passing")
            if kind == "rabbitmq":
                for queue, reason in (("nowhere", "no queue 'nowhere'"), ("passing", "is deleted with its last consumer")):
                    status, _, errors = source.tool("capture", "-Q", queue, "-o", str(file))
                    equal((status, file.exists()), (1, False))
                    matches(errors, reason)
                return
            status, output, errors = source.tool("capture", "-Q", "passing", "-o", "-", "--redact", "args.0")
            equal((status, "4111" in output, len(json.loads(output)["cases"])), (0, False, 1))
            matches(errors, "1 message of passing copied")
            status, _, errors = source.tool("capture", "-Q", "passing", "-o", "-", "--redact", "args.7", "args.-1")
            equal(status, 0)
            matches(errors, "--redact args.7 matched nothing in 1 message$")
            file.write_text("mine")
            status, _, errors = source.tool("capture", "-Q", "passing", "-o", str(file))
            equal((status, file.read_text()), (64, "mine"))
            matches(errors, "orders.json is there already; --force replaces it")


def test_a_file_that_cannot_grow_ends_with_the_last_whole_message(server_of, tmp_path):
    with contextlib.closing(Source("redis", server_of("redis"), "large")) as source:
        file = tmp_path / "orders.json"
        for number in range(250):
            source.app.signature("swift.echo", (number,)).apply_async(queue="large")

        def capture(limit, *arguments):
            def at_limit():
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

            done = subprocess.run(
                [workers.swift_binary(), "capture", "-b", source.broker, "-Q", "large", "-o", str(file), *arguments],
                stderr=subprocess.PIPE, text=True, preexec_fn=at_limit)
            matches(done.stderr, "orders.json cannot be written: File too large")
            equal(done.returncode, 1)
            return done.stderr

        matches(capture(150_000), "not all was copied: 100 messages of large copied")
        equal(len(json.loads(file.read_text())["cases"]), 100)
        # What was there is not lost to one that cannot be written at all.
        capture(1000, "--force")
        equal((len(json.loads(file.read_text())["cases"]), list(tmp_path.iterdir())), (100, [file]))


def test_a_replay_ends_when_the_user_wants_it_to(server_of, tmp_path):
    with contextlib.closing(Source("redis", server_of("redis"), "sleeping")) as source:
        file = str(tmp_path / "orders.json")
        for task, argument in (("swift.echo", 1), ("swift.sleep", 3600), ("swift.echo", 2)):
            source.app.signature(task, (argument,)).apply_async(queue="sleeping")
        equal(source.tool("capture", "-Q", "sleeping", "-o", file)[0], 0)
        with subprocess.Popen([workers.swift_binary(), "replay", file, "--handlers"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as replay:
            try:
                matches(replay.stdout.readline(), "swift.echo.* succeeded")
                replay.send_signal(signal.SIGINT)
                output, errors = replay.communicate(timeout=20)
            finally:
                replay.kill()
        # The signal may have come before the second one has begun.
        assert re.fullmatch(r"(swift.sleep\[.*\] was interrupted\n)?", output), output
        equal((replay.returncode, errors.strip()), (130, "interrupted: 1 of 3 messages were run"))


def test_options_of_the_broker_hold_for_replay_too(server_of, tmp_path):
    with contextlib.closing(Source("redis", server_of("redis"), "optioned")) as source:
        file, settings = tmp_path / "orders.json", tmp_path / "settings.json"
        file.write_text(json.dumps({"cases": [
            {"name": "a", "queue": "optioned", "exchange": "", "routing_key": "optioned", "headers": {},
             "properties": {"priority": 7}, "body": "x"}]}))
        settings.write_text(json.dumps({"broker_transport_options": {"priority_steps": [0, 5], "sep": ":"}}))
        replay = ["replay", str(file), "--to", source.broker]
        equal(source.tool(*replay, "--config", str(settings))[:2], (0, "1 message sent"))
        equal(source.redis.llen("optioned:5"), 1)
        option = ["--broker-transport-option", "sep=;"]
        equal(source.tool(*replay, "--config", str(settings), *option)[0], 0)
        equal(source.redis.llen("optioned;5"), 1)
        status, _, errors = source.tool(*replay, *option, *option)
        equal(status, 64)
        matches(errors, "the transport option sep is given twice")
        equal(source.tool("replay", str(file), "--config", str(settings))[0], 64)


def test_messages_go_from_one_kind_of_broker_to_the_other(server_of, tmp_path):
    sources = [Source(kind, server_of(kind), "moving") for kind in KINDS]
    with contextlib.closing(sources[0]) as first, contextlib.closing(sources[1]) as second:
        for source, other in ((first, second), (second, first)):
            file = str(tmp_path / f"{source.kind}.json")
            for end in (source, other):
                with end.app.connection_for_write() as connection:
                    end.queue(connection.default_channel).declare()
                    end.queue(connection.default_channel).purge()
            source.app.signature("swift.echo", ("é", 1.5), {"a": None}).apply_async(queue="moving", headers={"x": [1]})
            eventually(source.content, "it is there")
            equal(source.tool("capture", "-Q", "moving", "-o", file)[0], 0)
            equal(source.tool("replay", file, "--to", other.broker)[:2], (0, "1 message sent"))
            with other.app.connection_for_read() as connection:
                message = eventually(lambda: other.queue(connection.default_channel).get(), "it is there")
            equal(message.headers["x"], [1])
            equal(message.decode()[:2], [["é", 1.5], {"a": None}])


def whole(source, count=COUNT):
    """The content, once all of it is there."""
    content = source.content()
    return content if len(content) == count else None


def renamed(entry, name, other):
    """The entry of a list with another queue in it, to which a worker would give the message back."""
    return entry.replace(json.dumps(name).encode(), json.dumps(other).encode())
