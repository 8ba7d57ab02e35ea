"""Python workers with other visibility timeouts in the same Redis database.

First, four of them consume queues of their own while two Swift workers with default settings get tasks that wait for
their times and for a slot, and tasks that sleep: each starts once. Then the other way round: what a Python fleet with a
long timeout holds is left alone by a Swift worker that was told the timeout; one that was not says what it restores.
"""
import collections
import contextlib
import re
import time

from celery import Celery

from faults.load import Expected, Load, is_right
from faults.queues import Results, queue_of
from faults.starts import StartsOf
from fleet import servers, workers
from live.bed import eventually

TIMEOUTS = [60, 300, 3600, 43_200]
FLEET = 43_200
# By so much the fleet's scores are aged: more than an hour, which is Celery's timeout and ours, less than the fleet's.
AGE = 5000


class SleepyLoad(Load):
    """Tasks with etas up to three minutes ahead, and sleeps up to a minute and a half."""

    def __init__(self, count, seed, longest_eta, longest_sleep):
        self.longest_eta, self.longest_nap = longest_eta, longest_sleep
        super().__init__(count, seed)

    def call(self, number):
        identifier = f"chaos-{number}"
        pick, options = self.random.random(), {"task_id": identifier}
        if pick < 0.35:
            options["countdown"] = round(self.random.uniform(1, self.longest_eta), 1)
        # Few long ones: they fill the slots, and short ones are held behind them.
        seconds = 0.0
        if pick > 0.9:
            seconds = round(self.random.uniform(self.longest_nap / 3, self.longest_nap), 1)
        elif pick > 0.5:
            seconds = round(self.random.uniform(0, 0.5), 2)
        task, value = (("sleep", (seconds,)), seconds) if seconds else (("add", (number, 1)), number + 1)
        kind = task[0] + (" with an eta" if "countdown" in options else "")
        self.expected[identifier] = Expected(kind, "SUCCESS", value)
        return task[0], task[1], {}, options


def python_worker(url, results_url, timeout, queue, **settings):
    return workers.PythonWorker(
        url, results_url, [queue], queue, arguments=["--pool", "solo"], settings={
            # It looks for what is overdue every ten seconds, not every hundred: the more often the harder for us.
            "broker_transport_options": {"visibility_timeout": timeout, "unacked_restore_throttle": 1}, **settings})


def sender(url, results_url, **settings):
    app = Celery("chaos", broker=url, backend=results_url)
    app.conf.update(settings)
    return app


class TimeoutsRun:
    """What Swift workers hold, beside Python workers with shorter and longer timeouts."""

    def __init__(self, server, results_server, acks, options):
        self.server, self.results_url, self.acks, self.options = server, results_server.url, acks, options
        self.results, self.queue = Results(self.results_url), queue_of("redis", server)
        self.load = SleepyLoad(options.tasks, options.seed, options.longest_eta, options.longest_sleep)
        self.name = f"redis, timeouts, {acks} acknowledgement"
        self.problems = []

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def run(self, report):
        begin = time.monotonic()
        self.say(f"{self.options.tasks} tasks ({self.load.kinds()}), seed {self.options.seed}; timeouts of the neighbours: "
                 f"{', '.join(map(str, TIMEOUTS))} s")
        with contextlib.ExitStack() as stack:
            members = [stack.enter_context(python_worker(self.server.url, self.results_url, each, f"python-{each}"))
                       for each in TIMEOUTS]
            late = ["--acks-late"] if self.acks == "late" else []
            swift = [workers.SwiftWorker(self.server.url, self.results_url, ["chaos"], f"swift-{number}",
                                         ["-c", str(self.options.concurrency), "-l", "DEBUG", *late]) for number in (1, 2)]
            members += [stack.enter_context(worker) for worker in swift]
            starts = [stack.enter_context(StartsOf(worker)) for worker in swift]
            for worker in members:
                worker.wait_until_ready()
            app = sender(self.server.url, self.results_url, task_default_queue="chaos")
            with app.producer_pool.acquire(block=True) as producer:
                for task, args, kwargs, options in self.load.calls:
                    app.send_task(f"swift.{task}", args, kwargs, producer=producer, **options)
            app.close()
            self.watch()
            try:
                eventually(lambda: not any(self.queue.left().values()), "nothing is left", 30)
            except AssertionError:
                self.problems.append(f"left: {self.queue.left()}")
            for worker in swift:
                if status := worker.stop(20):
                    self.problems.append(f"{worker.name} ended with status {status} after SIGTERM")
        self.judge(starts)
        seconds = time.monotonic() - begin
        self.say(f"{seconds:.0f} s; {self.summary}")
        for problem in self.problems[:12]:
            self.say(problem)
        report.case(f"chaos, {self.name}: beside Python workers with other timeouts each task starts once",
                    f"{len(self.problems)} problems, first {self.problems[0]}" if self.problems else None, seconds)

    def watch(self):
        open_ids, begin, said = set(self.load.expected), time.monotonic(), time.monotonic()
        while open_ids and time.monotonic() - begin < self.options.seconds:
            time.sleep(0.5)
            open_ids.difference_update(self.results.read(list(open_ids)))
            if time.monotonic() - said > 30:
                said = time.monotonic()
                self.say(f"{len(open_ids)} open, {self.queue.left()}")

    def judge(self, starts):
        stored = self.results.read(list(self.load.expected))
        counts = collections.Counter()
        for identifier, expected in sorted(self.load.expected.items()):
            if not is_right(stored.get(identifier), expected):
                self.problems.append(f"{identifier} ({expected.kind}) has {stored.get(identifier)}")
            number = sum(1 for each in starts for _ in each.starts(identifier))
            counts[number] += 1
            if number != 1:
                self.problems.append(f"{identifier} ({expected.kind}) started {number} times")
        self.summary = ", ".join(f"{count} started {number} times" for number, count in sorted(counts.items()))


class FleetRun:
    """What a Python worker with a long timeout holds, beside Swift workers."""

    def __init__(self, server, results_server, options):
        self.server, self.results_url, self.options = server, results_server.url, options
        self.redis = queue_of("redis", server).redis
        self.name = "redis, timeouts, what a Python fleet holds"

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def held(self):
        return self.redis.hlen("unacked"), self.redis.llen("python-fleet")

    def run(self, report):
        count, begin = self.options.held, time.monotonic()
        with contextlib.ExitStack() as stack:
            fleet = stack.enter_context(python_worker(
                self.server.url, self.results_url, FLEET, "python-fleet", worker_prefetch_multiplier=0))
            fleet.wait_until_ready()
            app = sender(self.server.url, self.results_url)
            for number in range(count):
                app.send_task("python.add", (number, 1), countdown=3600, queue="python-fleet")
            app.close()
            eventually(lambda: self.held() == (count, 0), f"the fleet holds {count} tasks", 60)
            for tag, score in self.redis.zrange("unacked_index", 0, -1, withscores=True):
                self.redis.zadd("unacked_index", {tag: score - AGE})
            before = sorted(self.redis.hkeys("unacked"))

            def swift(name, query):
                worker = workers.SwiftWorker(
                    self.server.url + query, self.results_url, ["swift"], name, ["-l", "INFO"])
                return stack.enter_context(worker).wait_until_ready()

            told = swift("told", f"?visibility_timeout={FLEET}")
            # It looks for what is overdue within this time.
            time.sleep(self.options.look)
            kept = sorted(self.redis.hkeys("unacked")) == before
            report.case(
                f"chaos, {self.name} is left alone by a worker that was told its timeout",
                None if kept else f"{self.held()} held and waiting, of {count} held: {told.log()[-500:]}", self.options.look)
            told.stop()

            not_told = swift("not-told", "")
            problem = None
            try:
                # The fleet takes them again at once, under the same tags, but they are no longer old.
                eventually(lambda: not self.redis.zrangebyscore("unacked_index", 0, time.time() - AGE + 600),
                           "all of them are restored", self.options.look + 60)
                lines = [line for line in not_told.log().splitlines() if re.search(r"(?i)\brestored\b", line)]
                total = sum(int(found[1]) for line in lines if (found := re.search(r"\bcount=(\d+)", line)))
                says_why = [line for line in lines if "age=" in line and "reason=" in line]
                for line in lines[:3]:
                    self.say(line)
                if total < count or len(says_why) < len(lines):
                    problem = f"the log tells of {total} of {count} in {len(lines)} lines, with reason in {len(says_why)}"
            except AssertionError as error:
                problem = str(error)
            report.case(f"chaos, {self.name} is restored with a word by a worker that was not told", problem,
                        time.monotonic() - begin)


def run(options, acks, report):
    with servers.Redis() as server, servers.Redis() as results:
        TimeoutsRun(server, results, acks, options).run(report)


def run_fleet(options, report):
    with servers.Redis() as server, servers.Redis() as results:
        FleetRun(server, results, options).run(report)
