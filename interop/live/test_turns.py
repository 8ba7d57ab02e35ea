"""Idle Swift workers take turns to watch a queue on Redis: a push wakes the first, and the second sees to it that the
first acts. Whoever of them is killed or stopped, the others go on, and nothing is lost and nothing runs twice."""
import collections
import contextlib
import random
import statistics
import time

import pytest

from fleet import worker_log, workers
from live.bed import equal, eventually, only

pytestmark = only("redis")
ROUNDS = 5


class Fleet:
    """Idle Swift workers on one queue, by the ids under which Redis knows them."""

    def __init__(self, bed, queue, query=""):
        self.bed, self.queue, self.query = bed, queue, query
        self.members, self.ended = {}, []
        self.sent = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in [*self.members.values(), *self.ended]:
            worker.close()

    def add(self, count=1):
        """Starts workers, one after the other: the sign of life that is new is that of the last one."""
        for _ in range(count):
            known = self.signs()
            worker = workers.SwiftWorker(
                self.bed.broker + self.query, self.bed.backend, [self.queue], f"turns-{len(self.members)}",
                ["-c", "1", "--prefetch-multiplier", "1", "--acks-late", "--without-mingle"])
            worker.start().wait_until_ready()
            (identifier,) = self.signs() - known
            self.members[identifier] = worker
        return self

    def signs(self):
        return set(self.bed.redis.hkeys("unacked_swift_workers"))

    def turn(self):
        """The ids of the first and of the second, when both are known and run; else nothing."""
        found = self.bed.redis.hmget(f"unacked_swift_turn:{self.queue}", "first", "second")
        return found if all(each in self.members for each in found) else None

    def whose_turn(self):
        return eventually(self.turn, "it is somebody's turn, and somebody looks after that", 30)

    def kill(self, identifier):
        worker = self.members.pop(identifier)
        worker.kill()
        self.ended.append(worker)
        self.let_redis_catch_up()

    def pause(self, *identifiers):
        for identifier in identifiers:
            self.members[identifier].pause()
        self.let_redis_catch_up()

    def resume(self, *identifiers):
        for identifier in identifiers:
            self.members[identifier].resume()

    def let_redis_catch_up(self):
        """A worker that has just ended or been stopped may have sent a claim that Redis has not yet read: what is pushed
        before that would go to it. Two answers mean that everything was read which had been sent by then."""
        for _ in range(2):
            self.bed.redis.ping()

    def send(self, task="swift.add", args=(1, 1)):
        result = self.bed.app.send_task(task, args, queue=self.queue)
        self.sent.append(result)
        return result

    def seconds_until_done(self, limit=20):
        """Sends a task; how long it takes until its result is here."""
        begin = time.monotonic()
        equal(self.send().get(timeout=limit), 2)
        return time.monotonic() - begin

    def runs(self):
        """How often each task was run that has been sent."""
        log = "".join(worker.log() for worker in [*self.members.values(), *self.ended])
        return [worker_log.successes(log, result.id) for result in self.sent]

    def expect_all_at_work(self):
        """Each of the workers runs a task, and then nothing is left."""
        for result in [self.send("swift.sleep", (0.5,)) for _ in self.members]:
            result.get(timeout=20)
        try:
            eventually(lambda: self.bed.held_and_waiting(self.queue) == (0, 0), "nothing is left", 20)
        except AssertionError as error:
            left = self.bed.redis.hgetall("unacked"), self.bed.redis.lrange(self.queue, 0, -1)
            logs = "\n".join(f"{each}:\n{worker.log()[-3000:]}" for each, worker in self.members.items())
            raise AssertionError(f"{error}: {left}\n{logs}") from error


@pytest.fixture(scope="module")
def fleet(bed):
    """Five that are idle. Whoever ends some of them starts others."""
    with Fleet(bed, "turns") as made:
        yield made.add(5)


def expect_takeover(seconds, what):
    """Each was fast enough for a machine that has other things to do, and usually it takes less than a second."""
    shown = f"{what}: {', '.join(f'{each:.2f}' for each in seconds)} s"
    if statistics.median(seconds) > 1 or max(seconds) > 10:
        raise AssertionError(shown)


def test_when_the_worker_whose_turn_it_is_is_killed_another_one_takes_the_next_task_within_a_second(fleet):
    seconds = []
    for _ in range(ROUNDS):
        first, _ = fleet.whose_turn()
        fleet.kill(first)
        seconds.append(fleet.seconds_until_done())
        fleet.add()
    expect_takeover(seconds, "the first was killed")


def test_when_the_worker_whose_turn_it_is_is_stopped_another_one_takes_the_next_task_within_a_second(fleet):
    seconds = []
    for _ in range(ROUNDS):
        first, _ = fleet.whose_turn()
        fleet.pause(first)
        try:
            seconds.append(fleet.seconds_until_done())
        finally:
            fleet.resume(first)
    expect_takeover(seconds, "the first was stopped")
    fleet.expect_all_at_work()
    equal(set(fleet.runs()), {1})


def test_when_the_first_and_the_second_are_stopped_at_once_the_others_go_on_after_some_seconds(fleet):
    stopped = fleet.whose_turn()
    fleet.pause(*stopped)
    try:
        for _ in range(3):
            fleet.seconds_until_done(60)
    finally:
        fleet.resume(*stopped)
    fleet.expect_all_at_work()
    equal(set(fleet.runs()), {1})


@pytest.fixture(scope="module")
def mixed(bed):
    """Two idle Swift workers and two idle Python ones on the queue `mixed`."""
    with contextlib.ExitStack() as stack:
        python = [stack.enter_context(workers.PythonWorker(
            bed.broker, bed.backend, ["mixed"], f"mixed-python-{number}", "fleet.noting_app",
            ["--pool", "solo", "--without-gossip", "--without-mingle"])) for number in (1, 2)]
        swift = [stack.enter_context(workers.SwiftWorker(
            bed.broker, bed.backend, ["mixed"], f"mixed-{number}", ["-c", "1"])) for number in (1, 2)]
        for worker in [*swift, *python]:
            worker.wait_until_ready()
        yield swift, python


def run_mixed(bed, mixed, count, at_once, seconds):
    """Runs tasks, so many at a time. Returns how many the Swift workers have run, and for how long the one that took
    longest was under way."""
    def runs():
        return [sum(worker.log().count("succeeded") for worker in kind) for kind in mixed]
    before, under_way, ages = runs(), collections.deque(), []
    for number in range(count + at_once):
        if number >= at_once:
            result, begin = under_way.popleft()
            result.get(timeout=20)
            ages.append(time.monotonic() - begin)
        if number < count:
            under_way.append((bed.app.send_task("swift.sleep", (seconds,), queue="mixed"), time.monotonic()))
    eventually(lambda: bed.held_and_waiting("mixed") == (0, 0), "nothing is left", 20)
    # Each has run once; the last line of a log comes after the result.
    eventually(lambda: sum(runs()) - sum(before) >= count, "all have run")
    equal(sum(runs()) - sum(before), count)
    return runs()[0] - before[0], max(ages)


def test_beside_busy_python_workers_swift_workers_get_their_share_of_what_comes(bed, mixed):
    """As many tasks at a time as there are workers, and long enough that a busy machine can start all of them: neither
    kind gets less than a fifth of its half."""
    share, _ = run_mixed(bed, mixed, 50, 4, 0.15)
    if not 5 <= share <= 45:
        raise AssertionError(f"the Swift workers have run {share} of 50")


def test_lone_tasks_beside_idle_python_workers_are_run_at_once(bed, mixed):
    """Redis gives what is pushed to whoever is blocked in BRPOP before anybody is told of it: Python's workers get most
    of these."""
    share, longest = run_mixed(bed, mixed, 200, 1, 0.005)
    if longest > 5:
        raise AssertionError(f"one took {longest:.1f} s; {share} of 200 were run by Swift workers")


def test_nothing_is_lost_when_workers_are_killed_around_their_claims(bed):
    """One time while a worker holds a task, the other time around the push that makes it claim one."""
    moments = random.Random(seed := random.randrange(1_000_000))
    with Fleet(bed, "killed", "?visibility_timeout=3") as fleet:
        fleet.add(3)

        def holder():
            return next((owner for tag in bed.redis.hkeys("unacked")
                         if (owner := tag.rpartition(b":")[0]) in fleet.members), None)
        for number in range(18):
            if number % 2:
                fleet.send("swift.sleep", (0.3,))
                victim = eventually(holder, "it is held", 30)
            else:
                victim = (fleet.turn() or [moments.choice(list(fleet.members))])[0]
                for _ in range(moments.randint(1, 3)):
                    fleet.send("swift.sleep", (0.01,))
                time.sleep(moments.uniform(0, 0.02))
            fleet.kill(victim)
            fleet.add()
        for result in fleet.sent:
            # What the killed ones held comes back after the lease.
            result.get(timeout=60)
        eventually(lambda: bed.held_and_waiting("killed") == (0, 0), f"nothing is left, seed {seed}", 30)
