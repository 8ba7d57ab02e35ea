"""The runs of `interop/chaos`."""
import argparse
import collections
import contextlib
import json
import random
import re
import sys
import threading
import time

import redis

from fleet import junit, redis_log, servers, workers

QUEUE = "chaos"
STARTED = re.compile(r"\bstarted\b.*celery\.task\.id=(\S+)|celery\.task\.id=(\S+).*\bstarted\b")
# The state, and the value or exception that a task must end with.
Expected = collections.namedtuple("Expected", "kind state value")


class Load:
    """The tasks: what is sent, and what must come of each."""

    def __init__(self, count, seed):
        self.random = random.Random(seed)
        self.expected = {}
        self.calls = [self.call(number) for number in range(count)]

    def call(self, number):
        """(task, args, kwargs, options) of one call."""
        identifier = f"chaos-{number}"
        pick = self.random.random()
        options = {"task_id": identifier}
        if pick < 0.40:
            seconds = round(self.random.uniform(0, 0.3), 3)
            call = ("sleep", (seconds,), {})
            expected = Expected("sleep", "SUCCESS", seconds)
        elif pick < 0.55:
            call = ("add", (number, 1), {})
            expected = Expected("add", "SUCCESS", number + 1)
        elif pick < 0.65:
            call = ("mul", (), {"x": number, "y": 2})
            expected = Expected("mul by keywords", "SUCCESS", number * 2)
        elif pick < 0.75:
            value = "x" * self.random.choice([1, 100, 5000])
            call = ("echo", (value, number), {"key": [None, 1.5]})
            expected = Expected("echo", "SUCCESS", {"args": [value, number], "kwargs": {"key": [None, 1.5]}})
        elif pick < 0.80:
            call = ("tsum", (list(range(number % 50)),), {})
            expected = Expected("tsum", "SUCCESS", sum(range(number % 50)))
        elif pick < 0.88:
            call = ("fail", (f"no luck {number}",), {})
            expected = Expected("fail", "FAILURE", [f"no luck {number}"])
        elif pick < 0.94:
            call = ("flaky", (3,), {})
            expected = Expected("flaky, two retries", "SUCCESS", 3)
        else:
            call = ("add", (number, 2), {})
            options["countdown"] = round(self.random.uniform(0.5, 3), 1)
            expected = Expected("add with a countdown", "SUCCESS", number + 2)
        self.expected[identifier] = expected
        return (*call, options)

    def kinds(self):
        counts = collections.Counter(each.kind for each in self.expected.values())
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


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

    def noted_starts(self):
        return {member.decode() for member in self.redis.smembers("chaos:started")}


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


class Killer:
    """Kills one worker after the other, in random order, and starts it again at once."""

    def __init__(self, members, generator):
        self.members = members
        self.random = generator
        self.next = time.monotonic() + 2
        self.kills = collections.Counter()
        self.round = []

    def tick(self):
        """To be called often, on the main thread."""
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 2
        if not self.round:
            self.round = self.random.sample(self.members, len(self.members))
        worker = self.round.pop()
        worker.kill()
        worker.start()
        self.kills[worker.name] += 1

    def report(self):
        return f"{sum(self.kills.values())} kills ({', '.join(f'{n} {c}' for n, c in sorted(self.kills.items()))})"


class Run:
    """One run: a broker, a mode, the workers and what came of the tasks."""

    def __init__(self, kind, server, results_server, mode, options):
        self.kind, self.server, self.mode, self.options = kind, server, mode, options
        self.name = f"{kind}, {mode} acknowledgement"
        self.results_server = results_server
        self.broker, self.results_url = server.url, results_server.url
        self.results = Results(self.results_url)
        self.queue = RedisQueue(server.url) if kind == "redis" else RabbitMQQueue(server)
        self.load = Load(options.tasks, options.seed)
        self.problems = []

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def workers(self, stack):
        is_late = self.mode == "late"
        url = self.broker + "?visibility_timeout=5" if self.kind == "redis" else self.broker
        # In early mode the log is read for the tasks that were started.
        arguments = ["-c", "4", *(["--acks-late"] if is_late else ["-l", "DEBUG"])]
        swift = [workers.SwiftWorker(url, self.results_url, [QUEUE], f"swift-{n}", arguments) for n in (1, 2)]
        python = workers.PythonWorker(
            self.broker, self.results_url, [QUEUE], "python", "fleet.noting_app", ["-c", "2", "--pool", "prefork"],
            {"CHAOS_LATE": "1" if is_late else "0"})
        members = [*swift, python]
        for worker in members:
            stack.enter_context(worker)
        for worker in members:
            worker.wait_until_ready()
        return members

    def send(self):
        """Sends everything, on a thread of its own."""
        from celery import Celery
        app = Celery("chaos", broker=self.broker, backend=self.results_url)
        app.conf.task_default_queue = QUEUE
        with app.producer_pool.acquire(block=True) as producer:
            for task, args, kwargs, options in self.load.calls:
                app.send_task(f"swift.{task}", args, kwargs, producer=producer, **options)
        app.close()

    def run(self, report):
        """Reports whether nothing was lost."""
        self.say(f"{self.options.tasks} tasks ({self.load.kinds()}), seed {self.options.seed}")
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            members = self.workers(stack)
            sender = threading.Thread(target=self.send, daemon=True)
            sender.start()
            killer = Killer(members, self.load.random)
            ended = self.watch(members, killer, sender)
            kills, seconds = killer.report(), time.monotonic() - begin
            self.settle(ended, members)
            left = self.queue.left()
            for worker in members:
                if status := worker.stop(20):
                    self.problems.append(f"{worker.name} ended with status {status} after SIGTERM")
            started = self.results.noted_starts() | self.swift_starts(members)
            logs = relevant_lines(members)
        taken = redis_log.taken_and_not_noted(self.server.folder, QUEUE) if self.kind == "redis" else set()
        self.judge(left, started, taken, logs)
        self.say(f"{kills} in {seconds:.1f} s; {self.summary}; left: {left}")
        for problem in self.problems[:60]:
            self.say(problem)
        report.case(f"chaos, {self.name}: nothing is lost and nothing is stuck",
                    f"{len(self.problems)} problems, first {self.problems[0]}" if self.problems else None,
                    time.monotonic() - begin)

    def watch(self, members, killer, sender):
        """Kills until everything has ended, or there is no progress, or the time is over. Returns what has ended."""
        deadline = time.monotonic() + self.options.seconds
        open_ids = set(self.load.expected)
        ended, last_progress, last_said = {}, time.monotonic(), time.monotonic()
        while open_ids and time.monotonic() < deadline:
            killer.tick()
            time.sleep(0.05)
            if int(time.monotonic() * 4) % 2:
                continue
            new = {key: value for key, value in self.results.read(list(open_ids)).items()
                   if value["status"] in ("SUCCESS", "FAILURE", "REVOKED")}
            if new:
                last_progress = time.monotonic()
                ended.update(new)
                open_ids.difference_update(new)
            if time.monotonic() - last_said > 10:
                last_said = time.monotonic()
                self.say(f"{len(ended)} ended, {len(open_ids)} open, {killer.report()}")
            if not sender.is_alive() and time.monotonic() - last_progress > 15:
                break
        return ended

    def settle(self, ended, members):
        """No more kills: what is still held comes back and is worked off."""
        for worker in members:
            worker.wait_until_ready()
        deadline = time.monotonic() + 40
        empty_since = None
        # Empty for two seconds: a retry may be between its message and the next.
        while time.monotonic() < deadline:
            if any(self.queue.left().values()):
                empty_since = None
            elif empty_since is None:
                empty_since = time.monotonic()
            elif time.monotonic() - empty_since > 2:
                return
            time.sleep(0.2)

    def swift_starts(self, members):
        starts = set()
        for worker in members:
            if worker.name.startswith("swift"):
                with open(worker.log_path, encoding="utf-8", errors="replace") as log:
                    starts.update(found[1] or found[2] for found in map(STARTED.search, log) if found)
        return starts

    def judge(self, left, started, taken, logs):
        """Compares what is stored with what must be."""
        stored = self.results.read(list(self.load.expected))
        doubtful = {identifier for identifier, expected in self.load.expected.items()
                    if not is_right(stored.get(identifier), expected)}
        history = redis_log.stored_results(self.results_server.folder, doubtful) if doubtful else {}
        counts = collections.Counter({"as expected": len(self.load.expected) - len(doubtful)})
        for identifier in sorted(doubtful):
            expected, record = self.load.expected[identifier], stored.get(identifier)
            is_open = record is None or record["status"] not in ("SUCCESS", "FAILURE", "REVOKED")
            if any(is_right(each, expected) for each in history[identifier]):
                # Python's worker publishes a retry, reads the state, and writes RETRY, in this order: a task that is
                # tried again meanwhile may have ended between.
                counts["as expected until the Python worker wrote RETRY over it"] += 1
            elif is_open and self.mode == "early" and identifier in started:
                counts["started and interrupted by a kill"] += 1
            elif is_open and identifier in taken:
                counts["taken from Redis by the Python worker and, as it was killed, never noted by it (kombu does that"
                       " in two steps)"] += 1
            else:
                states = [each["status"] for each in history[identifier]]
                self.problems.append(f"{identifier} ({expected.kind}) "
                                     f"{'is LOST' if is_open else 'ended wrongly'}; stored: {states}, now {record}")
                self.problems += [f"    {line}" for line in logs if identifier in line][-12:]
        self.summary = ", ".join(f"{count} {what}" for what, count in counts.items())
        for what, count in left.items():
            if count:
                self.problems.append(f"{what}: {count} messages are left")


def is_right(record, expected):
    """Whether this is the result that the task must have."""
    if record is None or record["status"] != expected.state:
        return False
    value = record["result"]["exc_message"] if expected.state == "FAILURE" else record["result"]
    return value == expected.value


def relevant_lines(members):
    """What the workers wrote of tasks."""
    lines = []
    for worker in members:
        with open(worker.log_path, encoding="utf-8", errors="replace") as log:
            lines += [f"{worker.name}: {line.rstrip()}" for line in log if "chaos-" in line]
    return lines


def main():
    parser = argparse.ArgumentParser(prog="interop/chaos", description="Tasks while workers are being killed.")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], help="only this one")
    parser.add_argument("--mode", choices=["late", "early"], help="only this one")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=400, help="the longest that one run may take")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    options = parser.parse_args()
    report = junit.Report("chaos", options.junit_xml)
    with servers.signals_as_exceptions():
        for kind in [options.broker] if options.broker else ["redis", "rabbitmq"]:
            for mode in [options.mode] if options.mode else ["late", "early"]:
                # A server of its own for each run, and a Redis of its own for the results.
                broker = servers.Redis(arguments=redis_log.ARGUMENTS) if kind == "redis" else servers.RabbitMQ()
                with broker as server, servers.Redis(arguments=redis_log.ARGUMENTS) as results:
                    Run(kind, server, results, mode, options).run(report)
    return report.write()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (servers.ServerError, workers.WorkerError) as error:
        sys.exit(f"chaos: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
