"""Workers are killed with SIGKILL and started again: two Swift workers and a Python one on one queue.

With late acknowledgement every task must have its result. With early acknowledgement those may be without one that a worker
had started when it was killed, as its own word for it shows: a Swift worker's log, a Python worker's note in Redis. Both are
written before the message is acknowledged.
"""
import collections
import contextlib
import math
import threading
import time

from faults.lag import no_lag
from faults.load import Load, is_right
from faults.queues import QUEUE, Results, queue_of
from faults.starts import Start, StartsOf
from fleet import redis_log, workers

# Seconds that a killed worker may have been short of storing the result of a task that had ended.
UNSTORED = 2
# Seconds without any change in the queue, after which what is left of it is stuck.
STUCK = 40


class Killer:
    """Kills one worker after the other, in random order, and starts it again at once. `pause` are the seconds between, from
    and to.
    """

    def __init__(self, members, generator, pause=(2, 2)):
        self.members = members
        self.random = generator
        self.pause = pause
        self.next = time.monotonic() + pause[1]
        # When each was killed, by its name.
        self.moments = collections.defaultdict(list)
        self.round = []

    def tick(self):
        """To be called often, on the main thread."""
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + self.random.uniform(*self.pause)
        if not self.round:
            self.round = self.random.sample(self.members, len(self.members))
        worker = self.round.pop()
        worker.kill()
        self.moments[worker.name].append(time.monotonic())
        worker.start()

    def report(self):
        counts = {name: len(moments) for name, moments in sorted(self.moments.items())}
        return f"{sum(counts.values())} kills ({', '.join(f'{name} {count}' for name, count in counts.items())})"


class KillsRun:
    """One run: a broker, a mode, the workers and what came of the tasks."""

    def __init__(self, kind, server, results_server, acks, options):
        self.kind, self.server, self.acks, self.options = kind, server, acks, options
        self.name = f"{kind}, kills, {acks} acknowledgement"
        self.results_server = results_server
        self.broker, self.results_url = server.url, results_server.url
        self.results = Results(self.results_url)
        self.queue = queue_of(kind, server)
        self.load = Load(options.tasks, options.seed)
        self.problems, self.swift_starts = [], []
        # From the clock that the noting worker goes by to ours.
        self.offset = time.time() - time.monotonic()

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def workers(self, stack):
        is_late = self.acks == "late"
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
        self.swift_starts = [stack.enter_context(StartsOf(worker)) for worker in swift]
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
            # On a slow machine the time may be over before all is sent.
            sender.join(STUCK)
            self.settle(ended, members)
            left = self.queue.left()
            for worker in members:
                self.stop(worker)
            logs = relevant_lines(members)
        taken = redis_log.taken_and_not_noted(self.server.folder, QUEUE) if self.kind == "redis" else set()
        # The logs have been read to their ends.
        self.judge(left, killer.moments, taken, logs)
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
        last, last_change = None, time.monotonic()
        empty_since = None
        # Empty for two seconds: a retry may be between its message and the next.
        while time.monotonic() - last_change < STUCK:
            left = self.queue.left()
            if left != last:
                last, last_change = left, time.monotonic()
            if any(left.values()):
                empty_since = None
            elif empty_since is None:
                empty_since = time.monotonic()
            elif time.monotonic() - empty_since > 2:
                return
            time.sleep(0.2)

    def stop(self, worker):
        """Ends a worker in order. What becomes of Python's is not for us to judge: nothing is left that it could do."""
        try:
            problem = (status := worker.stop(20)) and f"{worker.name} ended with status {status} after SIGTERM"
        except workers.WorkerError as error:
            problem = str(error).splitlines()[0]
        if problem and worker.name == "python":
            self.say(problem)
        elif problem:
            self.problems.append(problem)

    def starts_of(self, identifier):
        """When the task was started, and where. Of a Python worker it is not known when its tasks end."""
        starts = [start for each in self.swift_starts for start in each.starts(identifier)]
        if noted := self.results.noted_start(identifier):
            starts.append(Start("python", noted - self.offset, math.inf))
        return sorted(starts, key=lambda start: start.begin)

    def judge(self, left, kills, taken, logs):
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
            elif is_open and self.acks == "early" and is_excused(self.starts_of(identifier), kills):
                counts["started and interrupted by a kill"] += 1
            elif is_open and identifier in taken:
                counts["taken from Redis by the Python worker and, as it was killed, never noted by it (kombu does that"
                       " in two steps)"] += 1
            else:
                states = [each["status"] for each in history[identifier]]
                self.problems.append(f"{identifier} ({expected.kind}) "
                                     f"{'is LOST' if is_open else 'ended wrongly'}; stored: {states}, now {record}; "
                                     f"{described(self.starts_of(identifier), kills)}")
                self.problems += [f"    {line}" for line in logs if identifier in line][-12:]
        self.summary = ", ".join(f"{count} {what}" for what, count in counts.items())
        for what, count in left.items():
            if count:
                self.problems.append(f"{what}: {count} messages are left")


def fell_into(start, kills, unheard, lag=no_lag):
    """How the task of this start suffered from a kill of its worker; None if it cannot have. `unheard` are the seconds after
    its end in which nobody may have heard of that, and `lag` tells how much longer they were.
    """
    if any(start.begin <= kill <= start.end for kill in kills):
        return "ran when its worker was killed"
    if any(start.end <= kill <= start.end + unheard + lag(start.end, kill) for kill in kills):
        return "was not yet acknowledged when its worker was killed"
    return None


def is_excused(starts, kills):
    """Whether a task that was acknowledged early may be without a result; `kills` are the times at which each worker was
    killed, by its name.
    """
    return any(fell_into(start, kills[start.worker], UNSTORED) for start in starts)


def described(starts, kills):
    """The starts of a task, and which kills of their workers are the next, for people."""
    shown = []
    for start in starts:
        later = [kill for kill in kills[start.worker] if kill >= start.begin]
        shown.append(f"{start.worker} from {start.begin:.3f} to {start.end:.3f}, killed then at "
                     f"{f'{later[0]:.3f}' if later else 'no time'}")
    return f"started: {'; '.join(shown) or 'nowhere'}"


def relevant_lines(members):
    """What the workers wrote of tasks."""
    lines = []
    for worker in members:
        with open(worker.log_path, encoding="utf-8", errors="replace") as log:
            lines += [f"{worker.name}: {line.rstrip()}" for line in log if "chaos-" in line]
    return lines
