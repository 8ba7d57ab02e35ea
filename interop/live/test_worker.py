"""What a Swift worker does with signals, restarts of the broker, many queues and slow tasks."""
import contextlib
import json
import os
import signal
import time

from fleet import servers, worker_log, workers
from live.bed import equal, eventually, matches, only


def test_concurrency_2_runs_two_tasks_at_a_time(bed):
    worker = bed.swift_worker(["two"], "two", ["-c", "2"])
    results = [bed.app.send_task("swift.sleep", (0.3,), queue="two") for _ in range(6)]
    for result in results:
        result.get(timeout=30)
    ends = sorted(result.date_done.timestamp() for result in results)
    between = [[later - earlier for earlier, later in zip(ends, ends[count:])] for count in (1, 2)]
    # Of any three one has waited for another one's end, and some have not, however busy the machine is.
    if min(between[0]) >= 0.3 or min(between[1]) < 0.3:
        raise AssertionError(f"six tasks of 0.3 s ended at {ends}")
    equal(worker.stop(), 0)


def test_one_worker_serves_several_queues(bed):
    worker = bed.swift_worker(["first", "second", "third"], "several")
    for queue in ["third", "first", "second", "first"]:
        equal(bed.app.send_task("swift.info", queue=queue).get(timeout=10)["queue"], queue)
    equal(worker.stop(), 0)


def test_no_more_messages_are_held_than_concurrency_times_the_prefetch_multiplier(bed):
    worker = bed.swift_worker(["held"], "held", ["-c", "1", "--prefetch-multiplier", "2", "--acks-late"])
    for _ in range(8):
        bed.app.send_task("swift.sleep", (60,), queue="held")
    eventually(lambda: bed.held_and_waiting("held") == (2, 6), "two of eight are held")
    # What is left waits in a queue of this test.
    worker.kill()


def test_messages_that_come_one_by_one_during_a_long_task_are_left_to_other_workers(bed):
    worker = bed.swift_worker(["hoard"], "hoard", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    bed.app.send_task("swift.sleep", (60,), queue="hoard")
    results = []
    for _ in range(5):
        time.sleep(0.1)
        results.append(bed.app.send_task("swift.add", (1, 1), queue="hoard"))
    other = bed.swift_worker(["hoard"], "other", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    for result in results:
        result.get(timeout=30)
    equal(other.stop(), 0)
    # What is left waits in a queue of this test.
    worker.kill()


def test_sigterm_lets_the_running_task_finish_gives_back_the_others_and_ends_with_status_0(bed):
    worker = bed.swift_worker(["warm"], "warm", ["-c", "1", "-l", "debug"])
    results = [bed.app.send_task("swift.sleep", (seconds,), queue="warm") for seconds in (1.5, 0, 0)]
    eventually(lambda: worker_log.starts(worker.log(), results[0].id) == 1, "the first runs")
    equal(worker.stop(10), 0)
    eventually(lambda: bed.held_and_waiting("warm") == (0, 2), "the other two wait in their queue")
    results[0].get(timeout=5)
    worker.start().wait_until_ready()
    for result in results:
        result.get(timeout=15)
    equal(worker.stop(), 0)


def test_with_acks_late_sigterm_lets_the_running_task_finish_too_and_it_is_not_run_again(bed):
    worker = bed.swift_worker(["late"], "late", ["-c", "1", "--acks-late", "-l", "debug"])
    result = bed.app.send_task("swift.sleep", (1.5,), queue="late")
    eventually(lambda: worker_log.starts(worker.log(), result.id) == 1, "it runs")
    equal(worker.stop(10), 0)
    result.get(timeout=5)
    equal(bed.held_and_waiting("late"), (0, 0))
    worker.close()


def test_a_second_sigterm_ends_the_worker_at_once_a_late_task_goes_back_to_its_queue(bed):
    worker = bed.swift_worker(["cold"], "cold", ["-c", "1", "--acks-late"])
    bed.app.send_task("swift.sleep", (60,), queue="cold")
    eventually(lambda: bed.held_and_waiting("cold")[0] == 1, "it runs")
    os.kill(worker.process.pid, signal.SIGTERM)
    worker.wait_for_log("warm shutdown", 5)
    os.kill(worker.process.pid, signal.SIGTERM)
    begin = time.monotonic()
    worker.process.wait(10)
    if time.monotonic() - begin > 5:
        raise AssertionError("too slow")
    eventually(lambda: bed.held_and_waiting("cold") == (0, 1), "it waits again")
    worker.close()


def test_an_idle_worker_ends_within_a_second_with_sigint_as_with_sigterm(bed):
    def seconds_until_the_end(number):
        worker = bed.swift_worker(["idle"], "idle")
        begin = time.monotonic()
        os.kill(worker.process.pid, number)
        equal(worker.process.wait(10), 0)
        worker.close()
        return time.monotonic() - begin

    for number in [signal.SIGTERM, signal.SIGINT]:
        # The machine may be busy once, or twice.
        tries = (seconds_until_the_end(number) for _ in range(3))
        if not any(seconds < 1 for seconds in tries):
            raise AssertionError(f"{number.name} took more than a second each time")


def test_the_worker_finds_the_broker_again_after_a_restart_by_itself(bed):
    worker = bed.swift_worker(["restart"], "restart", ["-c", "2"])
    equal(bed.app.send_task("swift.add", (1, 1), queue="restart").get(timeout=10), 2)
    bed.server.restart()
    app = bed.make_app()
    result = app.send_task("swift.add", (2, 2), queue="restart", retry=True)
    equal(result.get(timeout=30), 4)
    equal(worker.stop(), 0)
    # The other checks go on with a fresh client, too, and with the worker that was there before.
    bed.app = app
    equal(bed.send("add", 4, 4).get(timeout=30), 8)


def test_a_broker_that_answers_nothing_for_three_seconds_loses_nothing(bed):
    bed.server.pause()
    time.sleep(3)
    bed.server.resume()
    equal(bed.call("add", 3, 3), 6)


def test_a_broker_that_cannot_be_reached_or_an_address_that_makes_no_sense_is_one_clear_line(bed):
    for url, pattern in [
        ("redis://127.0.0.1:1/0", "(?i)refused"), ("amqp://guest:guest@127.0.0.1:1//", "(?i)refused"),
        ("redis://127.0.0.1:notaport/0", "(?i)port"), ("amqp://guest:guest@nowhere.invalid//", "(?i)nowhere.invalid"),
        ("http://127.0.0.1/", "redis://"), ("nonsense", "redis://"), ("redis://127.0.0.1:1/notanumber", "database of a Redis address must be a whole number"),
        ("sqs://x", "redis://"),
    ]:
        status, output, errors = bed.tool("call", "swift.add", broker=url, backend="disabled")
        # The parser adds lines about usage and help. A path is not named: a password may have ended up in it.
        lines = [line for line in errors.splitlines() if line and not line.startswith(("Usage:", "  See "))]
        equal((url, status == 0, output, len(lines)), (url, False, "", 1))
        matches(lines[0], pattern)


@only("rabbitmq")
def test_a_wrong_password_is_one_clear_line_without_the_password(bed):
    url = bed.broker.replace("guest:guest", "guest:secret-word")
    status, output, errors = bed.tool("call", "swift.add", broker=url, backend="disabled")
    equal((status == 0, output, len(errors.splitlines())), (False, "", 1))
    matches(errors, "(?i)access|refused|login|denied")
    if "secret-word" in errors:
        raise AssertionError("the password is shown")


@only("redis")
def test_a_redis_password_is_sent_a_wrong_or_missing_one_is_one_clear_line_without_it(bed):
    with contextlib.closing(servers.Redis(arguments=["--requirepass", "right word"]).start()) as server:
        right = f"redis://:right%20word@127.0.0.1:{server.port}/0"
        status, output, errors = bed.tool("call", "swift.add", broker=right, backend="disabled")
        equal((status, errors), (0, ""))
        for url in [server.url, right.replace("right", "wrong")]:
            status, output, errors = bed.tool("call", "swift.add", broker=url, backend="disabled")
            equal((status == 0, output, len(errors.splitlines())), (False, "", 1))
            matches(errors, "(?i)auth|pass")
            if "wrong" in errors:
                raise AssertionError("the password is shown")


def test_celery_swift_call_eta_expiry_priority_id_and_queue_arrive_at_pythons_worker(bed):
    python = bed.python_worker(name="options")
    identifier = f"swift-{time.time()}"
    status, output, errors = bed.tool(
        "call", "python.info", "--queue", "python", "--task-id", identifier, "--priority", "4", "--expires", "600",
        "--eta", "2020-01-01T00:00:00Z", "--wait", "--timeout", "15")
    equal((status, errors), (0, ""))
    info = json.loads(output)
    equal(info["id"], identifier)
    equal(info["root_id"], identifier)
    equal(info["priority"], 4)
    equal(info["routing_key"], "python")
    equal(info["retries"], 0)
    matches(info["eta"], "^2020-01-01T00:00:00")
    matches(info["expires"], r"^\d{4}-\d\d-\d\dT")
    matches(info["origin"], r"^\w+@")
    status, output, errors = bed.tool(
        "call", "python.info", "--queue", "python", "--expires", "2020-01-01T00:00:00", "--wait", "--timeout", "5")
    if status == 0:
        raise AssertionError("an expired task was run")
    python.close()


def test_celery_swift_call_arguments_that_are_no_json_are_one_clear_line(bed):
    for arguments in [["--args", "[1"], ["--args", "{}"], ["--kwargs", "[]"], ["--eta", "soon"], ["--countdown", "x"],
                      ["--priority", "high"]]:
        status, output, errors = bed.tool("call", "swift.add", *arguments)
        lines = [line for line in errors.splitlines() if line and not line.startswith(("Usage:", "Help:", "  See "))]
        equal((arguments, status == 0, output, len(lines)), (arguments, False, "", 1))


def test_sigterm_ends_a_worker_that_waits_for_its_broker_whether_that_refuses_or_does_not_answer(bed):
    for broker in ["redis://127.0.0.1:1/0", "amqp://guest:guest@127.0.0.1:1//", bed.broker]:
        if broker == bed.broker:
            bed.server.pause()
        try:
            worker = workers.SwiftWorker(broker, "disabled", ["nobody"], "waiting")
            with worker:
                time.sleep(1)
                begin = time.monotonic()
                equal((broker, worker.stop(12)), (broker, 0))
                if time.monotonic() - begin > 3:
                    raise AssertionError(f"{broker}: took {time.monotonic() - begin:.1f} s")
        finally:
            if broker == bed.broker:
                bed.server.resume()


@only("redis")
def test_of_what_waits_on_redis_priority_0_is_served_first_and_9_last(bed):
    worker = bed.swift_worker(["ranked"], "ranked", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    first = bed.app.send_task("swift.sleep", (0.5,), queue="ranked")
    eventually(lambda: bed.held_and_waiting("ranked")[0] == 1, "it runs")
    results = {priority: bed.app.send_task("swift.sleep", (0.02,), queue="ranked", priority=priority)
               for priority in [9, 0, 6, 3]}
    first.get(timeout=10)
    done = {}
    for priority, result in results.items():
        result.get(timeout=10)
        done[priority] = result.date_done
    equal(sorted(done, key=done.get), [0, 3, 6, 9])
    equal(worker.stop(), 0)
