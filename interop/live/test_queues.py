"""What operators do with queues: `celery-swift purge`, `list bindings` and `queues`, beside what Python's command line does."""
import json
import os
import signal
import subprocess
import sys
import time

from kombu import Queue

from fleet import workers
from live.bed import equal, eventually, matches, only


def python_tool(bed, *arguments, **more):
    """Runs Python's `celery`; returns its status, its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-b", bed.broker, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, timeout=60, **more)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def fill(bed, queue, count, **options):
    for number in range(count):
        bed.app.send_task("swift.add", [number, 1], queue=queue, **options)


def waiting(bed, queue):
    return bed.held_and_waiting(queue)[1]


def test_purge_does_and_says_what_pythons_does(bed):
    for tool in (bed.tool, lambda *arguments: python_tool(bed, *arguments)):
        fill(bed, "purged", 3)
        fill(bed, "purged-too", 2, priority=9)
        fill(bed, "kept", 1)
        equal(tool("purge", "-f", "-Q", "purged,purged-too,kept", "-X", "kept"),
              (0, "Purged 5 messages from 2 known task queues.", ""))
        equal(tool("purge", "--force", "--queues", "purged,not-there"), (0, "No messages purged from 2 queues.", ""))
        equal(tool("purge", "-f", "-Q", "kept"), (0, "Purged 1 message from 1 known task queue.", ""))
        equal(waiting(bed, "purged") + waiting(bed, "purged-too"), 0)


def test_purge_asks_and_does_nothing_without_a_yes(bed):
    fill(bed, "asked", 1)
    for tool in (bed.tool, lambda *arguments: python_tool(bed, *arguments, stdin=subprocess.DEVNULL)):
        status, output, errors = tool("purge", "-Q", "asked")
        equal(status, 1)
        matches(output + errors, r"This will remove all tasks from queue: asked\.[\s\S]*\[y/N\]: *\n*Aborted!")
    equal(waiting(bed, "asked"), 1)
    status, output, _ = bed.tool("purge", "-f", "-Q", "asked", "--json")
    equal((status, json.loads(output)), (0, {"purged": 1, "queues": {"asked": 1}}))


@only("redis")
def test_purge_takes_no_key_of_celerys_for_a_queue(bed):
    before = bed.redis.exists("unacked_swift_workers")
    for name in ("unacked", "unacked_swift_workers"):
        status, _, errors = bed.tool("purge", "-f", "-Q", name)
        equal(status, 1)
        matches(errors, "is a key of Celery's own")
    equal(bed.redis.exists("unacked_swift_workers"), before)
    bed.redis.set("no-list", "precious")
    status, _, errors = bed.tool("purge", "-f", "-Q", "no-list")
    equal(status, 1)
    matches(errors, "no-list is of type string")
    equal(bed.redis.get("no-list"), b"precious")


def test_bindings_are_listed_as_pythons_are(bed):
    queue = Queue("bound", exchange="shop", routing_key="shop.orders")
    with bed.app.connection_for_write() as connection:
        queue(connection.default_channel).declare()
    status, output, errors = bed.tool("list", "bindings")
    if bed.kind == "rabbitmq":
        equal(status, 1)
        matches(errors, "rabbitmqctl list_bindings")
        return
    lines = output.splitlines()
    equal(lines[:2], [f"{'Queue':<28} {'Exchange':<28} Routing Key", f"{'-' * 16:<28} {'-' * 16:<28} {'-' * 16}"])
    assert f"{'bound':<28} {'shop':<28} shop.orders" in lines, lines
    status, theirs, _ = python_tool(bed, "list", "bindings")
    equal(status, 0)
    equal(set(theirs.splitlines()) - set(bed.tool("list", "bindings")[1].splitlines()), set())
    assert {"queue": "bound", "exchange": "shop", "routing_key": "shop.orders"} in json.loads(
        bed.tool("list", "bindings", "--json")[1])


def look(bed, *arguments):
    """What `celery-swift queues --json` says, by the names of the queues."""
    status, output, errors = bed.tool("queues", "--json", *arguments)
    equal((status, errors), (0, ""))
    return json.loads(output)


def test_queues_shows_what_waits_what_is_held_and_who_consumes(bed):
    bed.python_worker(["watched-python"], "watched-python", ["--pool", "solo"])
    fill(bed, "watched", 3)
    fill(bed, "watched", 2, priority=9)
    # What waits for its eta is held.
    bed.app.send_task("python.add", [1, 1], queue="watched-python", countdown=300)
    bed.app.send_task("swift.add", [1, 1], countdown=300)
    eventually(lambda: bed.held_and_waiting("swift")[0] and bed.held_and_waiting("watched-python")[0], "both hold a task", 20)
    shown = look(bed, "-Q", "watched,watched-python,swift,absent")
    is_redis = bed.kind == "redis"
    equal({name: report["waiting"] for name, report in shown.items()},
          {"watched": 5, "watched-python": 0, "swift": 0, "absent": 0 if is_redis else None})
    equal({name: report["consumers"] for name, report in shown.items() if name != "absent"},
          {"watched": 0, "watched-python": 1, "swift": 1})
    held = {name: report["held"] for name, report in shown.items() if name != "absent"}
    equal(held, {"watched": 0, "watched-python": 1, "swift": 1} if is_redis else dict.fromkeys(held))
    equal(shown["absent"]["exists"], is_redis)
    equal(shown["watched"]["priorities"], {"0": 3, "3": 0, "6": 0, "9": 2} if is_redis else None)
    assert {"swift", "watched-python"} <= set(look(bed))
    status, output, _ = bed.tool("queues", "-Q", "watched")
    equal(status, 0)
    matches(output, r"^QUEUE +WAITING +HELD +CONSUMERS +OLDEST( +PRIORITIES)?\nwatched +5 ")
    equal(bed.held_and_waiting("watched")[1], 5 if not is_redis else 3)


@only("redis")
def test_queues_shows_the_age_of_the_oldest_message_that_has_one(bed):
    bed.app.send_task("swift.add", [1, 1], queue="aged", timestamp=int(time.time()) - 90)
    fill(bed, "aged", 1)
    matches(look(bed, "-Q", "aged")["aged"]["oldest"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    matches(bed.tool("queues", "-Q", "aged")[1], "1 min 3")


def test_queues_goes_on_until_it_is_interrupted(bed):
    fill(bed, "followed", 1)
    environment = {**os.environ, **workers.addresses(bed.broker, bed.backend)}
    command = [workers.swift_binary(), "queues", "-Q", "followed", "--json", "--watch", "--interval", "0.1", "--timeout", "0.2"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        equal(json.loads(watching.stdout.readline())["followed"]["waiting"], 1)
        fill(bed, "followed", 1)
        eventually(lambda: json.loads(watching.stdout.readline())["followed"]["waiting"] == 2, "it looks again")
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
        equal(watching.wait(10), 0)
