"""A revoke ends a task in whatever state it is, at once, and whoever waits for its result is told; results are in Redis."""
import contextlib
import socket
import uuid

import pytest
from celery import chain, chord

from live.bed import Bed, equal, eventually

# Seconds, on a machine that does other things as well.
AT_ONCE = 3
HOST = socket.gethostname()


@pytest.fixture(scope="module")
def bed(broker, server_of):
    with contextlib.closing(Bed(broker, server_of(broker), server_of("redis").url)) as made:
        yield made


@pytest.fixture(scope="module", params=["early", "late"])
def queue(bed, request):
    """A queue with a worker of its own, which has one slot and holds one message beside it."""
    arguments = ["-c", "1", "--prefetch-multiplier", "2" if request.param == "late" else "1"]
    bed.swift_worker([request.param], request.param, arguments + ["--acks-late"] * (request.param == "late"))
    return request.param


def send(bed, queue, task, *args, **options):
    return bed.app.send_task(f"swift.{task}", args, queue=queue, **options)


def revoke(bed, *results, **arguments):
    bed.app.control.revoke([result.id for result in results], reply=True, timeout=5, limit=2, **arguments)


def is_revoked(*results):
    eventually(lambda: {result.state for result in results} == {"REVOKED"}, "it is revoked", AT_ONCE)


def goes_on(bed, queue):
    """The worker has nothing left, and takes what comes."""
    equal(send(bed, queue, "add", 1, 1).get(timeout=15), 2)
    eventually(lambda: bed.held_and_waiting(queue) == (0, 0), "nothing is held, and nothing waits")


def test_a_task_that_runs_one_that_is_reserved_and_one_that_is_queued(bed, queue):
    running, reserved, queued = (send(bed, queue, "sleep", 600) for _ in range(3))
    eventually(lambda: running.id in str(bed.app.control.inspect([f"{queue}@{HOST}"]).active()), "the first one runs", 20)
    revoke(bed, reserved, queued)
    is_revoked(reserved, queued)
    revoke(bed, running, terminate=True)
    is_revoked(running)
    goes_on(bed, queue)


@pytest.mark.parametrize("countdown", [50, 3600])
def test_a_task_that_waits_for_its_eta(bed, queue, countdown):
    """On Redis a far one is parked with the broker: it ends when it comes back, but is called revoked at once."""
    waiting = send(bed, queue, "add", 1, 1, countdown=countdown)
    eventually(lambda: bed.held_and_waiting(queue) == (1, 0), "it is held")
    revoke(bed, waiting)
    is_revoked(waiting)
    if bed.kind == "redis" and countdown == 3600:
        bed.redis.delete("unacked", "unacked_index")
    goes_on(bed, queue)


def test_a_task_that_is_tried_again_and_again(bed, queue):
    tried = send(bed, queue, "flaky", 10**9)
    eventually(lambda: tried.state == "RETRY", "it is tried again")
    revoke(bed, tried)
    is_revoked(tried)
    goes_on(bed, queue)


def test_a_step_that_is_still_to_come_and_what_follows_it(bed, queue):
    first, second, third = (bed.app.signature(f"swift.{task}", args, queue=queue, task_id=str(uuid.uuid4()))
                            for task, args in (("sleep", [1]), ("add", []), ("add", [])))
    last = chain(first, second, third).apply_async()
    revoke(bed, last.parent)
    is_revoked(last.parent)
    eventually(lambda: last.state == "REVOKED", "what follows is told, once the first step has ended", 1 + AT_ONCE)
    goes_on(bed, queue)


def test_a_member_of_a_chord(bed, queue):
    """Its body fails, instead of waiting for ever."""
    header = [bed.app.signature("swift.add", [1, 1], queue=queue, countdown=countdown) for countdown in (None, 50)]
    body = chord(header, bed.app.signature("swift.tsum", queue=queue)).apply_async()
    eventually(lambda: body.parent.results[0].state == "SUCCESS", "the other member has ended")
    revoke(bed, body.parent.results[1])
    is_revoked(body.parent.results[1])
    eventually(lambda: body.state == "FAILURE", "the body has failed", AT_ONCE)
    goes_on(bed, queue)


def test_a_revoke_outlives_the_worker_with_a_state_file(bed, tmp_path):
    worker = bed.swift_worker(["kept"], "kept", ["-c", "1", "--statedb", str(tmp_path / "state")])
    result = bed.app.AsyncResult(str(uuid.uuid4()))
    revoke(bed, result)
    equal(worker.stop(), 0)
    send(bed, "kept", "add", 1, 1, task_id=result.id)
    result.forget()
    worker.start().wait_until_ready()
    is_revoked(result)
