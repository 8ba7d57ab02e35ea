"""Time limits, terminate and rate limits: what callers and operators of Python ask of a Swift worker comes to what it comes to
in Python's own, which runs beside it with a pool of processes."""
import time

import celery
import pytest

from live.bed import equal, eventually
from live.test_control import Watch


@pytest.fixture(scope="module")
def fleet(bed):
    bed.python_worker(arguments=["-c", "2", "--pool", "prefork", "-E"])
    return bed


def sent(fleet, name, task, *args, **options):
    return fleet.app.send_task(f"{name}.{task}", list(args), **options)


def end(result):
    """How a task ended: its state, and what its caller gets."""
    value = result.get(timeout=30, propagate=False)
    return result.state, type(value).__name__, getattr(value, "args", value)


def ask(fleet, method, **arguments):
    def both():
        replies = fleet.app.control.broadcast(method, arguments=arguments, reply=True, timeout=3, limit=2)
        found = {name.partition("@")[0]: value for reply in replies for name, value in reply.items()}
        return found if len(found) == 2 else None
    return eventually(both, f"both workers answer {method}", 30)


def active(fleet):
    return {task["id"] for tasks in ask(fleet, "active").values() for task in tasks}


@pytest.mark.parametrize("options", [{"soft_time_limit": 0.5}, {"time_limit": 1}, {"soft_time_limit": 0.5, "time_limit": 20}],
                         ids=["soft", "hard", "both"])
def test_a_task_that_exceeds_a_limit_of_its_message_fails_alike(fleet, options):
    results = {name: sent(fleet, name, "sleep", 600, **options) for name in ("python", "swift")}
    ends = {name: end(result) for name, result in results.items()}
    equal(ends["swift"], ends["python"])
    equal(ends["swift"][0], "FAILURE")


def test_what_was_to_follow_a_task_that_takes_too_long_fails_with_it(fleet):
    slow, add = (fleet.app.signature(f"swift.{name}", queue="swift") for name in ("sleep", "add"))
    chain = (slow.clone([600]).set(time_limit=1) | add.clone([1])).apply_async()
    equal(end(chain.parent), ("FAILURE", "TimeLimitExceeded", (1,)))
    equal(end(chain)[:2], ("FAILURE", "TimeLimitExceeded"))
    if fleet.kind == "redis":
        body = fleet.app.signature("swift.tsum", queue="swift")
        result = celery.chord([slow.clone([600]).set(time_limit=1), add.clone([1, 2])])(body)
        equal(end(result)[:2], ("FAILURE", "ChordError"))


def test_a_task_within_its_limits_succeeds(fleet):
    for name in ("python", "swift"):
        equal(sent(fleet, name, "add", 1, kwargs={"y": 2}, soft_time_limit=20, time_limit=30).get(timeout=20), 3)


def test_running_tasks_are_terminated_alike(fleet):
    results = {name: sent(fleet, name, "sleep", 600) for name in ("python", "swift")}
    ids = {result.id for result in results.values()}
    eventually(lambda: ids <= active(fleet), "both run", 30)
    answers = ask(fleet, "revoke", task_id=list(ids), terminate=True, signal="SIGKILL")
    equal(answers, {name: {"ok": f"terminate: {results[name].id}"} for name in results})
    # Each worker also stores that the other's task is revoked, as nothing is known of it; so the text is either's.
    ends = {name: end(result)[:2] for name, result in results.items()}
    equal(ends, dict.fromkeys(results, ("REVOKED", "TaskRevokedError")))
    eventually(lambda: not ids & active(fleet), "none runs", 20)
    equal(sent(fleet, "swift", "add", 1, kwargs={"y": 2}).get(timeout=20), 3)


def test_running_tasks_are_terminated_by_their_stamps_alike(fleet):
    stamps = {"headers": {"stamped_headers": ["shop"], "stamps": {"shop": ["north"]}, "shop": ["north"]}}
    results = {name: fleet.app.signature(f"{name}.sleep", [600]).apply_async(**stamps) for name in ("python", "swift")}
    ids = {result.id for result in results.values()}
    eventually(lambda: ids <= active(fleet), "both run", 30)
    answers = ask(fleet, "revoke_by_stamped_headers", headers={"shop": ["north"]}, terminate=True)
    equal(answers["swift"], answers["python"])
    equal({end(result)[:2] for result in results.values()}, {("REVOKED", "TaskRevokedError")})


@pytest.mark.parametrize("command, arguments", [
    ("terminate", {"signal": "SIGTERM", "task_id": ["nobody"]}), ("terminate", {"task_id": ["nobody"]}),
    ("revoke", {"task_id": ["nobody"], "terminate": True, "signal": "NONE"}),
    ("revoke", {"task_id": ["nobody"], "terminate": True, "signal": "term"}),
    ("revoke_by_stamped_headers", {"headers": {"nothing": ["x"]}, "terminate": True}),
    ("time_limit", {"task_name": "nosuch", "soft": 1}), ("rate_limit", {"task_name": "nosuch", "rate_limit": "1/s"}),
    ("rate_limit", {"task_name": "nosuch", "rate_limit": "x"}), ("rate_limit", {"task_name": "nosuch", "rate_limit": "1/x"}),
    ("rate_limit", {"task_name": "celery.accumulate", "rate_limit": "5/m"}),
    ("rate_limit", {"task_name": "celery.accumulate", "rate_limit": 0}),
    ("time_limit", {"task_name": "celery.accumulate", "soft": 1.5, "hard": 3})])
def test_commands_are_answered_in_the_same_words(fleet, command, arguments):
    answers = ask(fleet, command, **arguments)
    equal(answers["swift"], answers["python"])


def test_time_limits_are_set_by_remote_control(fleet):
    # Not beside Python's worker, which says that they are set and goes on with those that it has started with.
    def limited(hard):
        fleet.app.control.time_limit("swift.sleep", hard=hard, reply=True, timeout=2, limit=2)
    limited(1)
    equal(end(sent(fleet, "swift", "sleep", 600)), ("FAILURE", "TimeLimitExceeded", (1,)))
    limited(None)


def test_a_rate_limit_keeps_tasks_back_and_others_pass(fleet):
    fleet.app.control.rate_limit("swift.mul", "2/s", reply=True, timeout=2, limit=2)
    begin = time.monotonic()
    results = [sent(fleet, "swift", "mul", number, 2) for number in range(5)]
    equal(sent(fleet, "swift", "add", 1, kwargs={"y": 2}).get(timeout=20), 3)
    passed = time.monotonic() - begin
    equal([result.get(timeout=20) for result in results], [0, 2, 4, 6, 8])
    # The first at once, each of the others half a second later.
    assert passed < 1.5 <= 1.9 <= time.monotonic() - begin < 8, passed
    assert "swift.mul [rate_limit=2/s]" in ask(fleet, "registered")["swift"]
    fleet.app.control.rate_limit("swift.mul", 0, reply=True, timeout=2, limit=2)


def test_the_limits_of_a_worker_are_options_and_settings(fleet):
    worker = fleet.swift_worker(queues=["strict"], name="strict", arguments=["--time-limit", "1", "-c", "1"])
    value = sent(fleet, "swift", "sleep", 600, queue="strict").get(timeout=30, propagate=False)
    equal((type(value).__name__, value.args), ("TimeLimitExceeded", (1,)))
    worker.kill()


def test_an_event_tells_of_a_terminated_task(fleet):
    worker = fleet.swift_worker(queues=["told"], name="told", arguments=["-E", "-c", "1"])
    results = [fleet.app.send_task("swift.sleep", [600], queue="told"), sent(fleet, "python", "sleep", 600)]
    ids = [result.id for result in results]
    eventually(lambda: all(each in str(fleet.app.control.inspect(timeout=1).active()) for each in ids), "both run", 30)
    with Watch(fleet.app) as watch:
        eventually(lambda: watch.events, "the first sign of life", 20)
        fleet.app.control.terminate(ids, signal="SIGTERM")

        def told():
            found = {event["uuid"]: event for event in watch.events if event["type"] == "task-revoked"}
            return [found[each] for each in ids] if set(ids) <= set(found) else None
        events = eventually(told, "their events", 20)
    swift, python = ({name: event[name] for name in ("terminated", "signum", "expired")} for event in events)
    equal(swift, python)
    equal(swift, {"terminated": True, "signum": 15, "expired": False})
    worker.kill()
