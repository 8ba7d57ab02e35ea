"""Members of chords that RabbitMQ moves to a queue of dead letters: no chord waits for ever.

What a worker rejects it has ended before. What the broker drops by itself, or a Python worker without a word, no worker hears
of: a Swift worker that consumes the dead letters runs it there, or ends it.
"""
import contextlib
import json
from datetime import datetime, timedelta, timezone

import pytest
from celery import chord
from celery.exceptions import ChordError

from live.bed import Bed, equal, eventually, matches

# By the end of a queue's name: what RabbitMQ does with it beside sending its dead letters to `dead`.
POLICIES = {"rejecting": {}, "short-lived": {"message-ttl": 1}, "short": {"max-length": 1}}


@pytest.fixture(scope="module")
def bed(server_of):
    """RabbitMQ with results in Redis, and a worker for the dead letters beside the usual one."""
    server = server_of("rabbitmq")
    for name, policy in POLICIES.items():
        definition = json.dumps({"dead-letter-exchange": "", "dead-letter-routing-key": "dead", **policy})
        server.control("set_policy", "--apply-to", "queues", f"test-{name}", f"^dying-.*{name}$", definition)
    with contextlib.closing(Bed("rabbitmq", server, server_of("redis").url)) as made:
        made.dead = made.swift_worker(["dead"], "dead")
        yield made


@pytest.fixture(scope="module")
def rejecting_python(bed):
    with contextlib.closing(bed.python_worker(["dying-python-rejecting"], "rejecting-python")) as worker:
        yield worker


def sig(bed, name, queue, *args, **options):
    return bed.app.signature(name, args).set(queue=queue, **options)


def outcome(bed, header):
    """What the body of a chord with this header comes to: its result, or the text of its `ChordError`."""
    result = chord(header, sig(bed, "swift.tsum", "swift")).apply_async()
    try:
        return bed.app.AsyncResult(result.id).get(timeout=20)
    except ChordError as error:
        return str(error)


@pytest.mark.parametrize(("task", "args", "reason"), [
    ("swift.nobody_knows", [1, 1], "Task of kind 'swift.nobody_knows' never registered"),
    ("swift.add", [{"__type__": "set", "__value__": 1}, 1], "InvalidTaskError"),
])
def test_a_member_that_swift_rejects_ends_its_chord_though_its_message_comes_to_another_worker(bed, task, args, reason):
    with contextlib.closing(bed.swift_worker(["dying-rejecting"], "rejecting")):
        before = bed.dead.log().count("] refused")
        matches(outcome(bed, [sig(bed, task, "dying-rejecting", *args), sig(bed, "swift.add", "swift", 1, 1)]), reason)
        eventually(lambda: bed.dead.log().count("] refused") > before, "its message is a dead letter")


@pytest.mark.parametrize(("task", "reason"), [
    ("python.reject", "raised reject requeue=False: not here"),
    # Of this one a Python worker does not tell its chord.
    ("python.nobody_knows", "Task of kind 'python.nobody_knows' never registered"),
])
def test_a_member_that_python_rejects_ends_its_chord(bed, rejecting_python, task, reason):
    matches(outcome(bed, [sig(bed, task, "dying-python-rejecting"), sig(bed, "swift.add", "swift", 1, 1)]), reason)


@pytest.mark.parametrize("queue", ["dying-short-lived", "dying-short"])
def test_members_that_the_broker_drops_run_where_the_dead_letters_are_consumed(bed, queue):
    """Nobody consumes the queue; the last one of a short queue stays there, so it is not a member."""
    header = [sig(bed, "swift.add", queue, n, n) for n in range(3)] + [sig(bed, "swift.add", "swift", 1, 1)]
    result = chord(header, sig(bed, "swift.tsum", "swift")).apply_async()
    if queue == "dying-short":
        sig(bed, "swift.add", queue, 0, 0).apply_async()
    equal(bed.app.AsyncResult(result.id).get(timeout=20), 8)


def test_a_member_that_has_expired_among_the_dead_letters_ends_its_chord(bed):
    expires = datetime.now(timezone.utc) - timedelta(seconds=10)
    late = sig(bed, "swift.add", "dying-short-lived", 1, 1, expires=expires)
    matches(outcome(bed, [late, sig(bed, "swift.add", "swift", 1, 1)]), r"TaskRevokedError\('expired'\)")
