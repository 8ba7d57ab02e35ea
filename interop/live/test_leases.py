"""Swift and Python workers on one Redis queue: each gives back what the other held when it was killed, and neither takes
what the other still works on. Both count a message as left behind after five seconds."""
import time

from fleet import worker_log, workers
from live.bed import equal, eventually, only


def swift_worker(bed, name):
    return bed.swift_worker(
        ["leases"], name, ["-c", "1", "--acks-late", "--prefetch-multiplier", "1", "--without-mingle"],
        broker=bed.broker + "?visibility_timeout=5")


def python_worker(bed, name):
    """It runs tasks under the names of the Swift ones."""
    worker = workers.PythonWorker(
        bed.broker, bed.backend, ["leases"], name, "fleet.noting_app", ["--pool", "threads", "-c", "1"], {"CHAOS_LATE": "1"})
    return bed.stack.enter_context(worker).wait_until_ready()


def is_back_soon(result):
    """The task, which another worker held, runs within 15 seconds."""
    begin = time.monotonic()
    equal(result.get(timeout=30), 2)
    if time.monotonic() - begin > 15:
        raise AssertionError(f"only after {time.monotonic() - begin:.0f} s")


def has_started(bed, result):
    """Waits until a worker holds the message."""
    return eventually(lambda: bed.redis.hlen("unacked") == 1, f"{result.id} is held")


@only("redis")
def test_a_task_longer_than_the_visibility_timeout_runs_once_though_a_python_worker_looks_for_what_is_left_behind(bed):
    worker = swift_worker(bed, "busy")
    result = bed.app.send_task("swift.sleep", (8,), queue="leases")
    has_started(bed, result)
    python = python_worker(bed, "restorer")
    equal(result.get(timeout=20), 8)
    equal((worker_log.receipts(worker.log()), python.log().count(result.id)), (1, 0))
    equal(worker.stop(), 0)
    python.close()


@only("redis")
def test_a_python_worker_gets_back_what_a_killed_swift_worker_held(bed):
    worker = swift_worker(bed, "killed")
    result = bed.app.send_task("swift.sleep", (2,), queue="leases")
    has_started(bed, result)
    worker.kill()
    python = python_worker(bed, "heir")
    is_back_soon(result)
    python.stop()
    python.close()
    worker.close()


@only("redis")
def test_a_swift_worker_gets_back_what_a_killed_python_worker_held(bed):
    python = python_worker(bed, "killed")
    result = bed.app.send_task("swift.sleep", (2,), queue="leases")
    has_started(bed, result)
    python.kill()
    worker = swift_worker(bed, "heir")
    is_back_soon(result)
    equal(worker.stop(), 0)
    python.close()


@only("redis")
def test_a_task_with_a_far_eta_is_parked_and_any_worker_gets_it_when_it_is_due(bed):
    worker = swift_worker(bed, "parker")
    result = bed.app.send_task("swift.add", (1, 2), countdown=3600, queue="leases")
    eventually(lambda: bed.redis.hlen("unacked") == 1, "it is held")

    def distance():
        """How far the score of what is held lies ahead, in seconds."""
        (_, score), = bed.redis.zrange("unacked_index", 0, -1, withscores=True)
        return score - time.time()
    # The eta itself: overdue for nobody before, whatever the visibility timeout.
    eventually(lambda: 3500 < distance() <= 3600, "its score is its eta")
    equal(worker.stop(), 0)
    equal(bed.redis.llen("leases") + bed.redis.hlen("unacked"), 1)
    bed.redis.delete("leases", "unacked", "unacked_index")
    result.forget()
