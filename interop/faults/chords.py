"""Workers are killed at random moments while chords run whose tasks are acknowledged late.

Every chord must come to its result, and each task of a body must start once. It may start again only if it was running, or
had just ended, when its worker was killed: its message was not acknowledged then.
"""
import collections
import contextlib
import math
import random
import threading
import time

from celery import Celery, chord, group

from faults.connections import UNHEARD, may_start_again
from faults.kills import Killer, fell_into
from faults.lag import Lag
from faults.queues import QUEUE, Results, queue_of
from faults.starts import StartsOf
from fleet import worker_log, workers

SIZE = 20
# So much of the header's tasks sleep, up to so many seconds each: the chords last longer than a kill takes.
SLEEPERS, LONGEST_SLEEP = 0.5, 0.06
# Seconds between two kills. The last chords are left alone: every kill holds some of them up for some seconds.
PAUSE, LEFT_ALONE = (0.3, 1.5), 0.1
# Without a chord that ends for so long, they hang. A killed worker's messages, and its claims, are others' after a few.
STUCK = 45
# One body of so many is a group of two.
GROUPS = 5


class ChordsRun:
    """One run on one broker."""

    def __init__(self, kind, server, results_server, options):
        self.kind, self.server, self.options = kind, server, options
        self.name = f"{kind}, chords, late acknowledgement"
        self.results_url = results_server.url
        self.results, self.queue = Results(self.results_url), queue_of(kind, server)
        # What each task of a body must come to, by its id; kept by the sender.
        self.expected = {}
        self.problems, self.lag = [], Lag()

    def say(self, text):
        print(f"chaos: {self.name}: {text}", flush=True)

    def run(self, report):
        generator = random.Random(self.options.seed)
        self.say(f"{self.options.tasks} chords of {SIZE} tasks, seed {self.options.seed}")
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            # What a killed worker has held is others' after so many seconds.
            url = self.server.url + ("?visibility_timeout=5" if self.kind == "redis" else "")
            swift = [stack.enter_context(workers.SwiftWorker(
                url, self.results_url, [QUEUE], f"swift-{number}", ["-c", "4", "--acks-late", "-l", "DEBUG"]))
                for number in (1, 2)]
            starts = [stack.enter_context(StartsOf(worker)) for worker in swift]
            stack.enter_context(self.lag)
            for worker in swift:
                worker.wait_until_ready()
            sender = threading.Thread(target=self.send, args=[random.Random(generator.random())], daemon=True)
            sender.start()
            killer = Killer(swift, generator, PAUSE)
            self.watch(sender, killer)
            left = self.settle(swift)
            for worker in swift:
                if status := worker.stop(20):
                    self.problems.append(f"{worker.name} ended with status {status} after SIGTERM")
            logs = [worker.all_logs() for worker in swift]
        summary = self.judge(starts, killer, left)
        dropped = sum(worker_log.count(log, "dropped: the body of its chord was sent twice") for log in logs)
        seconds = time.monotonic() - begin
        self.say(f"{killer.report()} in {seconds:.1f} s; {summary}; {dropped} bodies were sent twice and dropped once; left: {left}")
        for problem in self.problems[:12]:
            self.say(problem)
        report.case(f"chaos, {self.name}: every chord ends and its body runs once",
                    f"{len(self.problems)} problems, first {self.problems[0]}" if self.problems else None, seconds)

    def send(self, generator):
        """Sends everything, on a thread of its own."""
        app = Celery("chords", broker=self.server.url, backend=self.results_url)
        app.conf.update(task_default_queue=QUEUE)
        # Celery's handles of results take leave of the backend in the end, when it is no longer there.
        app.backend.remove_pending_result = lambda result: result
        if self.kind == "rabbitmq":
            app.conf.broker_transport_options = {"confirm_publish": True}
        for number in range(self.options.tasks):
            header, total = [], 0
            for place in range(SIZE):
                if generator.random() < SLEEPERS:
                    seconds = round(generator.uniform(0, LONGEST_SLEEP), 3)
                    header.append(app.signature("swift.sleep", (seconds,)))
                    total += seconds
                else:
                    header.append(app.signature("swift.add", (number, place)))
                    total += number + place
            # A worker sends what names no queue to its own default one.
            body = app.signature("swift.tsum", queue=QUEUE)
            result = chord(header, group([body, body.clone()], app=app) if number % GROUPS == 0 else body, app=app)()
            for each in getattr(result, "results", [result]):
                self.expected[each.id] = total
        app.close()

    def watch(self, sender, killer):
        """Kills while chords run, then waits for the last of them."""
        ended, last_progress, last_look = set(), time.monotonic(), time.monotonic()
        begin = time.monotonic()
        all_bodies = self.options.tasks + math.ceil(self.options.tasks / GROUPS)
        while len(ended) < all_bodies:
            now = time.monotonic()
            # On a slow machine the second half of the time is for the work alone.
            if now - begin < self.options.seconds / 2 and (
                    sender.is_alive() or len(ended) < (1 - LEFT_ALONE) * all_bodies):
                killer.tick()
            time.sleep(0.02)
            now = time.monotonic()
            if now - last_look > 0.3:
                last_look = now
                stored = self.results.read([key for key in list(self.expected) if key not in ended])
                new = {key for key, record in stored.items() if record["status"] in ("SUCCESS", "FAILURE", "REVOKED")}
                if new:
                    ended |= new
                    last_progress = now
            if now - last_progress > STUCK or now - begin > self.options.seconds + self.lag.between(begin, now):
                self.problems.append(f"{all_bodies - len(ended)} tasks of bodies have no result, without progress for "
                                     f"{now - last_progress:.0f} s: {', '.join(sorted(set(self.expected) - ended)[:3])}")
                return

    def settle(self, members):
        """What is held is acknowledged, or runs once more and is. Returns what is left."""
        for worker in members:
            worker.wait_until_ready()
        deadline = time.monotonic() + STUCK
        while any((left := self.queue.left()).values()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def judge(self, starts, killer, left):
        stored = self.results.read(list(self.expected))
        counts = collections.Counter()
        for identifier, total in self.expected.items():
            record = stored.get(identifier)
            if record is None or record["status"] != "SUCCESS" or not math.isclose(record["result"], total, abs_tol=1e-6):
                self.problems.append(f"the body {identifier} has {record}")
            own = sorted((start for each in starts for start in each.starts(identifier)), key=lambda start: start.begin)
            reasons = [fell_into(start, killer.moments[start.worker], UNHEARD, self.lag.between) for start in own]
            counts[f"started {len(own)} times"] += 1
            counts.update(each for each in reasons if each and len(own) > 1)
            if not own or not may_start_again(own, reasons):
                shown = "; ".join(f"{start.worker} {start.begin:.3f} to {start.end:.3f}" for start in own)
                kills = {name: [f"{each:.3f}" for each in moments] for name, moments in killer.moments.items()}
                self.problems.append(f"the body {identifier} started {len(own)} times: {shown}; kills: {kills}")
        for key in self.results.redis.scan_iter("celery-taskset-meta-*.s", 1000):
            kept = {each: self.results.redis.type(key[:-1] + each).decode() for each in (b"j", b"d", b"c", b"t")}
            self.problems.append(f"the chord {key.decode()} has not ended: {kept}")
        for what, number in left.items():
            if number:
                self.problems.append(f"{what}: {number} messages are left")
        return "bodies: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
