"""Connections end, brokers go away and come back, processes stand still; no worker is killed.

Every task must have its result, nothing may be left, and no task may start twice. Excepted are, on RabbitMQ only: with
late acknowledgement, tasks that were running when their worker's connection ended, which the broker gives to others, or that
started before the worker had heard of it; with early acknowledgement, tasks that started in the very moment at which it ended;
and what the server lost when it was killed.
"""
import collections
import contextlib
import time

from celery import Celery

from faults.disruptions import MODES
from faults.lag import Lag, no_lag
from faults.load import Load, is_right
from faults.proxy import Proxy
from faults.queues import QUEUE, Results, queue_of
from faults.starts import StartsOf
from fleet import workers

# Seconds. So late may a worker hear on a busy machine that its connection has ended: others are given what it held meanwhile.
LATE = 0.25
# An acknowledgement that was written so shortly before is not heard.
UNHEARD = 0.5
# Without any progress for so long beyond what the longest task takes, tasks are stuck.
STUCK = 60
NEIGHBOUR = {"broker_transport_options": {"visibility_timeout": 300, "unacked_restore_throttle": 1}}


class ConnectionsRun:
    def __init__(self, kind, server, results_server, mode, acks, options):
        self.kind, self.server, self.acks, self.options = kind, server, acks, options
        self.name = f"{kind}, {mode}, {acks} acknowledgement"
        self.results_url = results_server.url
        self.results, self.queue = Results(self.results_url), queue_of(kind, server)
        disruption = MODES[mode]
        long_tasks = disruption.long_tasks(options)
        self.stuck = STUCK + max(long_tasks, default=0)
        self.load = Load(
            options.tasks, options.seed, long_tasks, has_retries=False,
            longest_countdown=10 + sum(options.outages) if mode in ("outages", "stops") else 15, longest_sleep=0.06 if mode == "windows" else 0.3)
        self.disruption = disruption(self, options, self.load.random)
        self.proxies, self.swift, self.starts, self.problems, self.lag = [], [], [], [], Lag()
        self.begin = time.monotonic()

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def run(self, report):
        self.say(f"{self.options.tasks} tasks ({self.load.kinds()}), seed {self.options.seed}")
        self.send()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.lag)
            self.start_workers(stack)
            self.begin = time.monotonic()
            self.watch()
            self.disruption.finish()
            left = self.settle()
            for worker in self.swift:
                try:
                    if status := worker.stop(20):
                        self.problems.append(f"{worker.name} ended with status {status} after SIGTERM")
                except workers.WorkerError as error:
                    self.problems.append(str(error).splitlines()[0])
        # The logs have been read to their ends.
        summary = self.judge(left)
        seconds = time.monotonic() - self.begin
        self.say(f"{self.disruption.report()} in {seconds:.1f} s; {summary}; left: {left}")
        for problem in self.problems[:12]:
            self.say(problem)
        report.case(f"chaos, {self.name}: no task is lost, none is stuck, none starts twice",
                    f"{len(self.problems)} problems, first {self.problems[0]}" if self.problems else None, seconds)

    def send(self):
        """Before the workers start: a sender whose own connection is lost may send twice."""
        app = Celery("chaos", broker=self.server.url, backend=self.results_url)
        app.conf.update(
            task_default_queue=QUEUE,
            broker_transport_options={"confirm_publish": True} if self.kind == "rabbitmq" else {})
        with app.producer_pool.acquire(block=True) as producer:
            for task, args, kwargs, options in self.load.calls:
                app.send_task(f"swift.{task}", args, kwargs, producer=producer, **options)
        app.close()

    def start_workers(self, stack):
        arguments = [*self.disruption.worker_arguments, "-l", "DEBUG", *(["--acks-late"] if self.acks == "late" else [])]
        for number in (1, 2):
            url = self.server.url
            if self.disruption.uses_proxies:
                proxy = stack.enter_context(Proxy(self.server.port))
                self.proxies.append(proxy)
                url = url.replace(f":{self.server.port}/", f":{proxy.port}/")
            worker = workers.SwiftWorker(url, self.results_url, [QUEUE], f"swift-{number}", arguments)
            self.swift.append(stack.enter_context(worker))
            self.starts.append(stack.enter_context(StartsOf(worker)))
        members = list(self.swift)
        if self.kind == "redis":
            # It consumes another queue, and looks for what is overdue in the whole database.
            neighbour = workers.PythonWorker(
                self.server.url, self.results_url, ["neighbour"], "neighbour", arguments=["--pool", "solo"],
                settings=NEIGHBOUR)
            members.append(stack.enter_context(neighbour))
        for worker in members:
            worker.wait_until_ready()

    def watch(self):
        """Goes on until every task has its result, or there is no progress."""
        open_ids = set(self.load.expected)
        self.disruption.start()
        last_progress = last_said = last_look = time.monotonic()
        while open_ids or self.disruption.is_at_work:
            self.disruption.tick()
            time.sleep(0.02)
            now = time.monotonic()
            if now - last_look > 0.3:
                last_look = now
                done = [key for key, record in self.results.read(list(open_ids)).items()
                        if record["status"] in ("SUCCESS", "FAILURE", "REVOKED")]
                open_ids.difference_update(done)
                if done or self.disruption.is_at_work:
                    last_progress = now
            if now - last_said > 20:
                last_said = now
                self.say(f"{len(open_ids)} open, {self.disruption.report()}")
            if now - last_progress > self.stuck or (
                    now - self.begin > self.options.seconds + self.lag.between(self.begin, now)):
                self.problems.append(f"{len(open_ids)} tasks have no result, without progress for "
                                     f"{now - last_progress:.0f} s: {', '.join(sorted(open_ids)[:5])}")
                return

    def settle(self):
        """What is still held is acknowledged, or runs once more and is. Returns what is left."""
        deadline = time.monotonic() + self.stuck
        while any((left := self.queue.left()).values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def judge(self, left):
        stored = self.results.read(list(self.load.expected))
        for identifier, expected in sorted(self.load.expected.items()):
            if not is_right(stored.get(identifier), expected):
                self.problems.append(f"{identifier} ({expected.kind}) has {stored.get(identifier)}")
        for what, number in left.items():
            if number:
                self.problems.append(f"{what}: {number} messages are left")
        counts = collections.Counter()
        for identifier in self.load.expected:
            starts = sorted((start for each in self.starts for start in each.starts(identifier)), key=lambda start: start.begin)
            counts["started"] += bool(starts)
            if len(starts) < 2:
                continue
            reasons = [self.excuse(start) for start in starts]
            counts.update(f"started again: {reason}" for reason in reasons if reason)
            if not may_start_again(starts, reasons):
                counts["started again: NO REASON"] += 1
                self.problems.append(self.describe(identifier, starts))
        return ", ".join(f"{count} {what}" for what, count in counts.items())

    def ends_of_connections(self, start):
        """When connections of the worker ended."""
        proxies = [proxy for proxy, worker in zip(self.proxies, self.swift) if worker.name == start.worker]
        return self.disruption.ends + [moment for proxy in proxies for moment in proxy.closures]

    def excuse(self, start):
        """Why a task may start once more after this start."""
        return excuse(self.kind, self.acks, start, self.ends_of_connections(start), self.disruption.kills, self.lag.between)

    def describe(self, identifier, starts):
        shown = []
        for start in starts:
            near = [f"{moment - self.begin:.3f}" for moment in sorted(self.ends_of_connections(start))
                    if starts[0].begin - 5 < moment < starts[-1].end + 5]
            shown.append(f"{start.worker} {start.begin - self.begin:.3f} to {start.end - self.begin:.3f}, its connections ended "
                         f"at {', '.join(near) or 'no time near'}")
        return f"{identifier} ({self.load.expected[identifier].kind}) started {len(starts)} times: {'; '.join(shown)}"


def may_start_again(starts, reasons):
    """Whether a task may have started so often. `starts` are in order; `reasons` say of each why another may follow, or None.

    One needs no reason, the last. Another worker may have been given the task, and start it, before the one that held it
    hears that its connection has ended: of starts so close together any may be the last.
    """
    without = [start for start, reason in zip(starts, reasons) if reason is None]
    return not without or len(without) == 1 and starts[-1].begin - without[0].begin <= LATE


def excuse(kind, acks, start, ends, kills, lag=no_lag):
    """Why a task may start once more after this start. `ends` are those of its worker's connections, `kills` the server's.
    `lag` tells how far behind the machine was.
    """
    if kind == "redis":
        return None
    # AMQP's acknowledgements have no answer: with early acknowledgement this is the README's millisecond.
    acknowledged = start.end if acks == "late" else start.begin
    if any(start.begin - LATE - lag(end, start.begin) <= end <= acknowledged + UNHEARD + lag(acknowledged, end) for end in ends):
        return "ran when its connection ended" if acks == "late" else "was acknowledged as its connection ended"
    if any(acknowledged <= kill + LATE for kill in kills):
        return "the server was killed and may have lost the acknowledgement"
    return None
