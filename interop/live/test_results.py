"""What the other side finds in the result backend, byte for byte and in time."""
import datetime
import json
import threading
import time
import uuid

from celery.result import GroupResult, ResultSet

from live.bed import equal, eventually, matches, raises, only


def record(bed, identifier):
    return json.loads(bed.redis.get(f"celery-task-meta-{identifier}"))


def test_get_that_waits_before_the_result_is_written_wakes_up_at_once(bed):
    result = bed.app.send_task("swift.add", (2, 3), countdown=0.5)
    begin = time.time()
    equal(result.get(timeout=10), 5)
    if time.time() - begin > 1.5:
        raise AssertionError(f"woke up after {time.time() - begin:.1f} s")


def test_get_after_the_result_was_written_returns_it_also_a_second_time(bed):
    result = bed.send("add", 2, 3)
    bed.call("sleep", 0.2)
    equal(result.get(timeout=10), 5)
    equal(result.get(timeout=10), 5)
    equal(result.state, "SUCCESS")
    equal(result.successful(), True)
    if not isinstance(result.date_done, datetime.datetime):
        raise AssertionError(f"date_done is {result.date_done!r}")


def test_get_propagate_false_gives_the_exception(bed):
    error = bed.send("fail", "kept").get(timeout=10, propagate=False)
    equal((type(error), error.args), (ValueError, ("kept",)))


@only("redis")
def test_a_stored_success_has_the_keys_the_order_and_the_life_of_celery_s(bed):
    result = bed.send("add", 2, 3)
    equal(result.get(timeout=10), 5)
    raw = bed.redis.get(f"celery-task-meta-{result.id}")
    stored = json.loads(raw)
    equal(list(stored), ["status", "result", "traceback", "children", "date_done", "task_id"])
    equal({**stored, "date_done": None}, {
        "status": "SUCCESS", "result": 5, "traceback": None, "children": [], "date_done": None, "task_id": result.id})
    done = datetime.datetime.fromisoformat(stored["date_done"])
    if abs((datetime.datetime.now(datetime.timezone.utc) - done).total_seconds()) > 30:
        raise AssertionError(f"date_done is {stored['date_done']}")
    equal(json.dumps(stored).encode(), raw)
    life = bed.redis.ttl(f"celery-task-meta-{result.id}")
    if not 86300 <= life <= 86400:
        raise AssertionError(f"lives for {life} s")


@only("redis")
def test_a_stored_failure_is_a_dictionary_that_python_turns_into_the_exception(bed):
    result = bed.send("fail", "no luck")
    result.get(timeout=10, propagate=False)
    stored = record(bed, result.id)
    equal(stored["status"], "FAILURE")
    equal(stored["result"], {"exc_type": "ValueError", "exc_message": ["no luck"], "exc_module": "builtins"})
    matches(stored["traceback"], "no luck")


@only("redis")
def test_each_state_is_announced_with_exactly_what_is_stored(bed):
    identifier = str(uuid.uuid4())
    listener = bed.redis.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(f"celery-task-meta-{identifier}")
    listener.get_message(timeout=1)
    bed.app.send_task("swift.flaky", (2,), task_id=identifier)
    seen = []

    def is_done():
        if message := listener.get_message(timeout=0.1):
            seen.append(message["data"])
        return seen and json.loads(seen[-1])["status"] == "SUCCESS"
    eventually(is_done, "SUCCESS is announced")
    equal([json.loads(data)["status"] for data in seen], ["RETRY", "SUCCESS"])
    equal(bed.redis.get(f"celery-task-meta-{identifier}"), seen[-1])
    listener.close()


@only("redis")
def test_with_track_started_the_state_started_names_the_worker_and_its_process(bed):
    worker = bed.swift_worker(["tracked"], "tracked", ["--track-started"])
    result = bed.app.send_task("swift.sleep", (0.5,), queue="tracked")
    eventually(lambda: result.state == "STARTED", "STARTED")
    stored = record(bed, result.id)
    equal(stored["result"]["pid"], worker.process.pid)
    matches(stored["result"]["hostname"], "^tracked@")
    result.get(timeout=10)
    equal(result.state, "SUCCESS")
    equal(worker.stop(), 0)


def test_group_and_parent_ids_come_back_with_the_result(bed):
    result = bed.app.send_task("swift.add", (1, 1), parent_id="p-1", root_id="r-1", group_id="g-1")
    equal(result.get(timeout=10), 2)
    if bed.kind == "redis":
        stored = record(bed, result.id)
        equal((stored.get("group_id"), stored.get("parent_id")), ("g-1", "p-1"))


def test_a_resultset_of_swift_tasks_joins_in_order(bed):
    results = ResultSet([bed.send("add", number, number) for number in range(50)], app=bed.app)
    equal(results.get(timeout=15), [2 * number for number in range(50)])


@only("redis")
def test_two_processes_worth_of_readers_both_get_the_result(bed):
    other = bed.make_app()
    result = bed.app.send_task("swift.sleep", (0.3,))
    found = []
    thread = threading.Thread(target=lambda: found.append(other.AsyncResult(result.id).get(timeout=10)))
    thread.start()
    mine = result.get(timeout=10)
    thread.join()
    equal(found, [mine])


@only("redis")
def test_forget_from_python_removes_a_swift_tasks_result(bed):
    result = bed.send("add", 1, 1)
    result.get(timeout=10)
    result.forget()
    equal(bed.redis.exists(f"celery-task-meta-{result.id}"), 0)


@only("redis")
def test_celery_swift_result_reads_what_pythons_and_swifts_workers_stored(bed):
    with_python = bed.python_worker()
    for side in ["python", "swift"]:
        good = bed.app.send_task(f"{side}.echo", (1.0, "ü"), {"key": None}, queue=side)
        bad = bed.app.send_task(f"{side}.fail", ("no luck",), queue=side)
        status, output, errors = bed.tool("result", good.id, "--timeout", "10")
        equal((status, json.loads(output)), (0, {"args": [1.0, "ü"], "kwargs": {"key": None}}))
        status, output, errors = bed.tool("result", bad.id, "--timeout", "10")
        equal(output, "")
        matches(errors, r"ValueError.*no luck")
        if status == 0:
            raise AssertionError("status 0 for a failure")
        status, output, errors = bed.tool("result", bad.id, "--timeout", "10", "--traceback")
        matches(output, "no luck")
    with_python.close()


@only("redis")
def test_celery_swift_result_gives_up_after_its_timeout_in_one_line(bed):
    begin = time.time()
    status, output, errors = bed.tool("result", "no-such-task", "--timeout", "0.5")
    equal((status == 0, output, len(errors.splitlines())), (False, "", 1))
    if time.time() - begin > 5:
        raise AssertionError("too late")


@only("redis")
def test_celery_swift_result_reads_records_that_other_ports_write_good_and_bad(bed):
    def stored(**fields):
        identifier = str(uuid.uuid4())
        bed.redis.set(f"celery-task-meta-{identifier}", json.dumps({"task_id": identifier, **fields}))
        return bed.tool("result", identifier, "--timeout", "5")
    status, output, _ = stored(status="SUCCESS", result=[1], traceback=None, children=[])
    equal((status, output), (0, "[1]"))
    # A failure that is text, none at all, or without the module.
    for result in ["it broke", None, {"exc_type": "KeyError", "exc_message": "k"}, {"exc_type": "KeyError"}, 5, []]:
        status, output, errors = stored(status="FAILURE", result=result, traceback=None)
        equal((status == 0, output, len(errors.splitlines())), (False, "", 1))
    for raw in [b"", b"x", b"[]", b"null", b"\xff", b'{"status": 5}']:
        bed.redis.set("celery-task-meta-broken", raw)
        status, output, errors = bed.tool("result", "broken", "--timeout", "1")
        equal((status == 0, output, len(errors.splitlines())), (False, "", 1))


def test_the_exceptions_of_swift_tasks_have_the_classes_that_python_knows(bed):
    raises("TypeError: mul() missing 2 required positional arguments: 'x' and 'y'", lambda: bed.call("mul"))


def test_call_each_sends_a_group_whose_results_are_lines_in_order(bed, tmp_path):
    calls = tmp_path / "calls.jsonl"
    calls.write_text('[1, 2]\n\n{"x": 3, "y": 4}\n["a", "b"]\n')
    status, output, errors = bed.tool(
        "call", "swift.add", "--each", str(calls), "--queue", "swift", "--wait", "--timeout", "20")
    first, second, third = output.splitlines()
    equal((first, second), ("3", "7"))
    equal(json.loads(third)["exc_type"], "TypeError")
    matches(errors, r"^line 3: task \S+ has failed: TypeError")
    equal(status, 1)


@only("redis")
def test_a_group_that_call_each_has_sent_is_found_by_its_id_from_both_sides(bed, tmp_path):
    calls = tmp_path / "calls.jsonl"
    calls.write_text("".join(f"[{number}, 1]\n" for number in range(50)))
    status, group, errors = bed.tool("call", "swift.add", "--each", str(calls), "--queue", "swift")
    equal((status, errors), (0, ""))
    equal(bed.tool("result", "--group", group, "--timeout", "20"),
          (0, "\n".join(str(number + 1) for number in range(50)), ""))
    equal(GroupResult.restore(group, app=bed.app).get(timeout=10), [number + 1 for number in range(50)])
    status, output, errors = bed.tool("result", "--group", "nobody-s", "--timeout", "20")
    equal((status, output), (1, ""))
    matches(errors, "the result backend knows no group nobody-s")
