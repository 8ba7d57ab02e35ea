"""Events that Swift reads, beside Python's own receiver and dumper: those of workers and clients of both languages."""
import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from celery.events.dumper import Dumper

from fleet import workers
from live.bed import equal, eventually, only
from live.watch import Watch


@pytest.fixture(scope="module")
def fleet(bed):
    """The bed, with a Python worker beside the Swift one; both tell of their tasks, and so does the Python client."""
    bed.app.conf.task_send_sent_event = True
    bed.python_worker(arguments=["-c", "1", "--pool", "solo", "-E"])
    names = ("swift", "python")
    eventually(lambda: len(bed.app.control.enable_events(reply=True, timeout=2, limit=2)) == 2, "both tell of tasks", 30)
    equal({bed.app.send_task(f"{name}.add", [1, 1]).get(timeout=20) for name in names}, {2})
    return bed


class Tool:
    """A running `celery-swift events`, and the lines that it prints."""

    def __init__(self, bed, *arguments):
        environment = {**os.environ, **workers.addresses(bed.broker, bed.backend)}
        self.process = subprocess.Popen(
            [workers.swift_binary(), "events", *arguments], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.errors = [], []
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True) for pair in (
            (self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def __enter__(self):
        # The heartbeats that it has asked for.
        eventually(lambda: {name for name in ("swift@", "python@") if any(name in line for line in self.lines)}
                   == {"swift@", "python@"}, "both workers are heard", 20)
        return self

    def __exit__(self, *error):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        self.status = self.process.wait(20)
        for reader in self.readers:
            reader.join(5)

    @property
    def events(self):
        return [json.loads(line) for line in self.lines]

    def of(self, identifier):
        return [event for event in self.events if event.get("uuid") == identifier]


def run_tasks(fleet, text="broken"):
    """Some tasks of every outcome, on both workers, by their ids."""
    results = [fleet.app.send_task(f"{name}.{task}", arguments) for name in ("swift", "python")
               for task, arguments in [("add", [1, 2]), ("fail", [text]), ("flaky", [2])]]
    for result in results:
        result.get(timeout=30, propagate=False)
    return [result.id for result in results]


def ends(events):
    return sum(event["type"] in ("task-succeeded", "task-failed") for event in events)


def test_swift_reads_what_python_reads(fleet):
    with Watch(fleet.app) as watch, Tool(fleet, "--json") as tool:
        eventually(lambda: watch.beating() >= {"swift", "python"}, "both are heard")
        ids = run_tasks(fleet, "broken\nin \x1b[31m two")
        for identifier in ids:
            eventually(lambda: ends(watch.of(identifier)) and ends(tool.of(identifier)), "the end of each", 20)
            theirs = watch.of(identifier)
            for event in theirs:
                del event["local_received"]
                if event["type"] == "task-sent":
                    # Python's receiver puts its own clock here.
                    del event["clock"]
            ours = tool.of(identifier)
            for event in ours:
                if event["type"] == "task-sent":
                    del event["clock"]
            equal(ours, theirs)
            equal({"task-sent", "task-received", "task-started"} - {event["type"] for event in ours}, set())
    equal((tool.status, tool.errors), (0, []))


def test_the_dump_is_celerys(fleet):
    with Tool(fleet, "--json") as tool, Tool(fleet, "--dump") as dump:
        equal(dump.lines[0], "-> evdump: starting capture...")
        ids = run_tasks(fleet)
        for identifier in ids:
            eventually(lambda: ends(tool.of(identifier)), "the end of each", 20)
        out = io.StringIO()
        dumper = Dumper(out)
        for event in tool.events:
            if event.get("uuid") in ids:
                # What a traceback holds would not stand on one line.
                dumper.on_event({**event, "traceback": "…", "exception": "…", "local_received": 0, "clock": 0}
                                if "traceback" in event else {**event, "local_received": 0, "clock": 0})

        def comparable(line):
            line = re.sub(r"(clock|local_received)=[\d.]+", r"\1=0", line)
            return re.sub(r"exception=.*, local_received=0, pid=(\d+), traceback=.*?, utcoffset",
                          r"exception=…, local_received=0, pid=\1, traceback=…, utcoffset", line)

        expected = set(out.getvalue().splitlines())
        eventually(lambda: sum("task succeeded" in line for line in dump.lines) >= 4, "all lines", 20)
        equal(expected - {comparable(line) for line in dump.lines}, set())
        hostile = fleet.app.send_task("swift.fail", ["broken\nin \x1b[31m two"])
        eventually(lambda: any("task failed" in line and hostile.id in line for line in dump.lines), "the last one", 20)
    # One event a line, whatever is in it.
    assert all(re.match(r"->|\S+@\S+ \[\d", line) and "\x1b" not in line for line in dump.lines)
    equal(dump.status, 0)


def test_what_is_broken_is_skipped(fleet):
    with Tool(fleet, "--json") as tool:
        with fleet.app.connection_for_write() as connection, connection.Producer() as producer:
            from celery.events.event import get_exchange
            exchange = get_exchange(connection)
            for body in [5, [], [5, {"type": "shop-open", "hostname": "x"}], {"hostname": "x"}]:
                producer.publish(body, exchange=exchange.name, routing_key="task.multi", declare=[exchange], serializer="json")
            producer.publish("{", exchange=exchange.name, routing_key="task.multi", content_type="application/json",
                             content_encoding="utf-8")
            producer.publish({"type": "shop-closed"}, exchange=exchange.name, routing_key="shop.closed", serializer="json")
        eventually(lambda: any(event["type"] == "shop-closed" for event in tool.events), "the stream goes on")
        assert any(event["type"] == "shop-open" for event in tool.events)
    equal((tool.status, ["skipped events" in line for line in tool.errors]), (0, [True]))


@only("redis")
def test_a_connection_that_is_lost_is_made_anew(fleet):
    with Tool(fleet, "--json") as tool:
        fleet.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        heard = len(tool.lines)
        eventually(lambda: len(tool.lines) > heard + 2, "events come again", 20)
    equal(tool.status, 0)


@only("rabbitmq")
def test_nothing_is_left_of_a_reader(fleet):
    def readers():
        queues = fleet.server.control("list_queues", "--no-table-headers", "name").splitlines()
        return {queue for queue in queues if queue.startswith("celeryev.")}
    before = readers()
    with Tool(fleet, "--json") as tool:
        equal(len(readers() - before), 1)
    equal(tool.status, 0)
    eventually(lambda: readers() <= before, "its queue is gone", 20)


def test_without_a_terminal_it_says_what_to_do(fleet):
    code, output, errors = fleet.tool("events")
    equal((code, output), (64, ""))
    assert "--dump" in errors


def test_both_clients_tell_of_what_they_send_in_the_same_shape(fleet):
    with Tool(fleet, "--json") as tool:
        ours = [fleet.tool("call", f"{name}.add", "-a", "[1, 2]", "--queue", name, variables={"CELERY_TASK_SEND_SENT_EVENT": "1"})
                for name in ("swift", "python")]
        equal([code for code, *_ in ours], [0, 0])
        theirs = fleet.app.send_task("swift.add", [1, 2])

        def sent():
            return [event for event in tool.events if event["type"] == "task-sent"]
        eventually(lambda: len(sent()) >= 3, "three are told of", 20)
    [their] = [event for event in sent() if event["uuid"] == theirs.id]
    for event in sent():
        equal(list(event), list(their))
        assert event["hostname"].startswith("gen")
    ours = [event for event in sent() if event["uuid"] != theirs.id]
    equal([(event["name"], event["queue"], event["exchange"], event["routing_key"]) for event in ours],
          [("swift.add", "swift", "", "swift"), ("python.add", "python", "", "python")])
    equal({(event["args"], event["kwargs"], event["retries"], event["root_id"] == event["uuid"]) for event in ours},
          {("(1, 2)", "{}", 0, True)})


@pytest.mark.parametrize("first, second", [("swift", "swift"), ("python", "swift"), ("swift", "python")])
def test_what_is_revoked_is_known_to_a_worker_that_comes_later(fleet, first, second):
    """Of the two languages each tells the other. The task is one that nobody can take before the second worker comes."""
    start = {"swift": fleet.swift_worker, "python": fleet.python_worker}
    queue = f"{first}-{second}"
    task = fleet.app.send_task(f"{second}.add", [1, 1], queue=queue)
    fleet.app.control.revoke(task.id, destination=[f"{first}@{socket.gethostname()}"])
    eventually(lambda: task.id in str(fleet.app.control.inspect(timeout=1).revoked()), "it is known", 20)
    worker = start[second](queues=[queue], name=f"later-{queue}")
    equal(task.get(timeout=20, propagate=False).__class__.__name__, "TaskRevokedError")
    if second == "swift":
        eventually(lambda: "mingle: in step with" in worker.log(), "it says so")
    worker.kill()


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_revoked_outlives_the_worker(fleet, tmp_path, killed):
    queue = f"state-{killed}"
    file = tmp_path / "state.json"
    arguments = ["-S", str(file), "--without-mingle"]
    worker = fleet.swift_worker(queues=[queue], name=queue, arguments=arguments)
    fleet.app.control.revoke(identifier := f"id-{queue}", destination=[f"{queue}@{socket.gethostname()}"])
    if killed:
        eventually(lambda: identifier in file.read_text(), "it is written", 20)
        worker.kill()
    else:
        eventually(lambda: identifier in str(fleet.app.control.inspect(timeout=1).revoked()), "it is known", 20)
        equal(worker.stop(20), 0)
    task = fleet.app.send_task("swift.add", [1, 1], queue=queue, task_id=identifier)
    fleet.swift_worker(queues=[queue], name=queue, arguments=arguments)
    equal(task.get(timeout=20, propagate=False).__class__.__name__, "TaskRevokedError")


def test_a_broken_file_is_an_error_in_words(fleet, tmp_path):
    (tmp_path / "state").write_bytes(b"\x00not ours")
    code, _, errors = fleet.tool("worker", "-q", "-S", str(tmp_path / "state"), "-Q", "nobody")
    assert code == 1 and "is not the state of a worker" in errors and str(tmp_path) in errors, errors
