"""Python calls every task of the stock worker, in all the ways that `send_task` has."""
import datetime
import decimal
import json
import re
import threading
import time
import uuid

from celery import exceptions, states

from fleet import worker_log
from live.bed import equal, eventually, raises, only


def test_swift_add_takes_positional_keyword_and_mixed_arguments_and_a_default(bed):
    equal(bed.call("add", 2, 3), 5)
    equal(bed.call("add", x=2, y=3), 5)
    equal(bed.call("add", 2, y=3), 5)
    equal(bed.call("add", y=3, x=2), 5)
    equal(bed.call("add", 5), 5)
    equal(bed.call("add", x=5), 5)


def test_swift_add_swift_mul_and_swift_tsum_keep_integers_and_floats_apart(bed):
    equal(bed.call("add", 1, 2.5), 3.5)
    equal(bed.call("add", 1.0, 2.0), 3.0)
    equal(bed.call("add", -1, True), 0)
    equal(bed.call("mul", 6, 7), 42)
    equal(bed.call("mul", x=0.5, y=4), 2.0)
    equal(bed.call("mul", 2**31, 2**31), 2**62)
    equal(bed.call("tsum", [1, 2, 3]), 6)
    equal(bed.call("tsum", []), 0)
    equal(bed.call("tsum", numbers=[0.5, 1]), 1.5)


def test_a_sum_that_does_not_fit_is_an_overflowerror(bed):
    raises("OverflowError: the result does not fit 64 bits", lambda: bed.call("add", 2**63 - 1, 1))


def test_arguments_that_do_not_fit_the_task_are_a_typeerror_in_pythons_words(bed):
    def words(call):
        try:
            return call()
        except TypeError as error:
            return str(error)

    def python_words(*args, **kwargs):
        def mul(x, y):
            pass
        try:
            mul(*args, **kwargs)
        except TypeError as error:
            # Newer Pythons say the qualified name.
            return re.sub(r"^\S+<locals>\.", "", str(error))

    for args, kwargs in [((), {}), ((1,), {}), ((1, 2, 3), {}), ((1, 2), {"z": 3}), ((1,), {"x": 1}), ((), {"y": 1})]:
        equal(words(lambda: bed.call("mul", *args, **kwargs)), python_words(*args, **kwargs))


def test_an_argument_of_a_wrong_type_is_a_typeerror_not_the_end_of_the_worker(bed):
    for value in ["2", None, [1], {"a": 1}]:
        try:
            bed.call("mul", value, 2)
        except TypeError:
            continue
        raise AssertionError(f"{value!r} was taken for a number")


VALUES = [
    None, True, False, 0, -1, 1.0, 0.1, -0.0, 1e300, 5e-324, 2**63, -(2**64), 10**40, "", "a", "ö\u2028\x00\"\\/", "\U0001f600",
    "\ud800", [], {}, [[[]]], {"a": {"b": [1, {"c": None}]}}, {"": 0, "z": 1, "a": 2}, float("inf"), float("-inf"),
    ["x" * 100_000], list(range(1000)),
]


def test_swift_echo_gives_back_any_json_value_bit_for_bit(bed):
    for value in VALUES:
        result = bed.call("echo", value, key=value)
        equal(json.dumps(result), json.dumps({"args": [value], "kwargs": {"key": value}}))
    result = bed.call("echo", float("nan"))
    equal(json.dumps(result), '{"args": [NaN], "kwargs": {}}')
    equal(bed.call("echo"), {"args": [], "kwargs": {}})


def test_swift_echo_gives_back_dates_times_decimals_uuids_and_bytes(bed):
    for value in [
        datetime.datetime(2020, 1, 2, 3, 4, 5, 678901), datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
        datetime.date(2020, 2, 29), datetime.time(1, 2, 3), decimal.Decimal("1.50"), uuid.uuid4(), b"abc", b"\xff\xfe",
        [uuid.UUID(int=5), {"when": datetime.date(1999, 12, 31)}],
    ]:
        equal(bed.call("echo", value, value=value), {"args": [value], "kwargs": {"value": value}})


def test_swift_echo_gives_back_values_that_are_nested_200_deep(bed):
    value = 1
    for _ in range(200):
        value = [value]
    equal(bed.call("echo", value)["args"], [value])


def test_swift_sleep_waits_as_long_as_it_is_told_and_returns_that(bed):
    begin = time.monotonic()
    equal(bed.call("sleep", 0.3), 0.3)
    if time.monotonic() - begin < 0.3:
        raise AssertionError("too short")
    equal(bed.call("sleep", seconds=0.0), 0.0)


def test_swift_sleep_refuses_what_pythons_time_sleep_refuses(bed):
    def refusal(call):
        try:
            call()
        except Exception as error:
            return type(error).__name__
    for seconds in [float("inf"), float("nan"), 1e300, 9223372037.0, -1, -0.5]:
        # The words are not the same in every Python.
        equal(refusal(lambda: bed.call("sleep", seconds)), refusal(lambda: time.sleep(seconds)))


def test_a_number_on_the_command_line_that_makes_no_sense_is_one_clear_line(bed):
    cases = [
        [*call, option, value]
        for call, options in [
            (["call", "swift.add", "-a", "[1]", "--queue", "swift"], ["--countdown", "--expires", "--timeout"]),
            (["result", "no-such-task"], ["--timeout"])]
        for option in options for value in ["nan", "inf", "1e300", "1e18"]]
    cases += [["worker", "-Q", ","], ["worker", "-Q", ""]]
    for arguments in cases:
        status, output, errors = bed.tool(*arguments)
        # The parser adds lines about usage and help.
        lines = [line for line in errors.splitlines() if line.startswith("Error: ")]
        equal((arguments, status, output, len(lines)), (arguments, 64, "", 1))


@only("redis")
def test_a_result_that_python_stored_with_result_compression_is_read(bed):
    app = bed.make_app(result_compression="gzip")
    identifier = str(uuid.uuid4())
    app.backend.store_result(identifier, ["x" * 1000], states.SUCCESS)
    if not bed.redis.get(f"celery-task-meta-{identifier}").startswith(b"\0celery-compressed\0"):
        raise AssertionError("it is not compressed")
    status, output, errors = bed.tool("result", identifier, "--timeout", "5")
    equal((status, output, errors), (0, json.dumps(["x" * 1000]), ""))


def test_swift_fail_raises_valueerror_in_python_with_message_and_traceback(bed):
    result = bed.send("fail", "no luck")
    raises("ValueError: no luck", lambda: result.get(timeout=15))
    equal(result.state, states.FAILURE)
    equal(result.result.args, ("no luck",))
    if not isinstance(result.traceback, str):
        raise AssertionError(f"traceback: {result.traceback!r}")
    raises("ValueError: später", lambda: bed.call("fail", message="später"))


def test_swift_flaky_retries_until_it_succeeds_and_counts_its_tries(bed):
    for times in [0, 1, 2, 5]:
        equal(bed.call("flaky", times), max(1, times))
    equal(bed.call("flaky", times=3), 3)
    raises("OverflowError: the number of tries does not fit 64 bits",
           lambda: bed.app.send_task("swift.flaky", (5,), retries=2**63 - 1).get(timeout=15))


def test_swift_info_sees_the_id_the_queue_and_the_callers_headers(bed):
    result = bed.app.send_task("swift.info", headers={"x-custom": {"a": [1]}}, shadow="other name")
    info = result.get(timeout=15)
    equal(info["id"], result.id)
    equal(info["retries"], 0)
    equal(info["queue"], "swift")
    # As `request.headers` in Python: the caller's own ones.
    equal(info["headers"], {"x-custom": {"a": [1]}})


def test_ids_need_not_be_uuids(bed):
    for identifier in [f"order:{time.time()}/ü", "x" * 200, str(uuid.uuid4())]:
        result = bed.app.send_task("swift.info", task_id=identifier)
        equal(result.get(timeout=15)["id"], identifier)


def test_a_countdown_and_an_eta_aware_or_naive_are_kept(bed):
    now = datetime.datetime.now(datetime.timezone.utc)
    begin = time.time()
    late = [
        bed.app.send_task("swift.add", (1, 1), countdown=0.7),
        bed.app.send_task("swift.add", (1, 1), eta=now + datetime.timedelta(seconds=0.7)),
        bed.app.send_task("swift.add", (1, 1), eta=(now + datetime.timedelta(seconds=0.7)).replace(tzinfo=None)),
    ]
    early = bed.app.send_task("swift.add", (1, 1), eta=now - datetime.timedelta(hours=1))
    equal(early.get(timeout=15), 2)
    if time.time() - begin > 0.6:
        raise AssertionError("an eta in the past waited")
    for result in late:
        equal(result.get(timeout=15), 2)
        if time.time() - begin < 0.7:
            raise AssertionError("too early")
    if time.time() - begin > 3:
        raise AssertionError(f"too late: {time.time() - begin} s")


def test_a_task_that_comes_too_late_is_revoked_one_that_comes_in_time_is_run(bed):
    begin = datetime.datetime.now(datetime.timezone.utc)
    equal(bed.app.send_task("swift.add", (1, 1), expires=60).get(timeout=15), 2)
    equal(bed.app.send_task("swift.add", (1, 1), expires=begin + datetime.timedelta(minutes=1)).get(timeout=15), 2)
    # RabbitMQ drops a message that has expired by itself, so this one expires while the worker holds it.
    result = bed.app.send_task("swift.add", (1, 1), countdown=0.6, expires=0.3)
    raises("TaskRevokedError: expired", lambda: result.get(timeout=15))
    equal(result.state, states.REVOKED)


@only("redis")
def test_a_task_that_has_expired_before_it_is_received_is_revoked(bed):
    result = bed.app.send_task("swift.add", (1, 1), expires=-5)
    raises("TaskRevokedError: expired", lambda: result.get(timeout=15))


def test_a_task_that_nobody_has_registered_is_notregistered(bed):
    result = bed.app.send_task("swift.nothing", (1,))
    try:
        result.get(timeout=15)
    except exceptions.NotRegistered as error:
        equal(error.args, ("swift.nothing",))
        return
    raise AssertionError("no exception")


def test_messages_with_a_zlib_body_are_read_under_both_of_its_names(bed):
    for compression in ["zlib", "gzip"]:
        value = "x" * 10_000
        equal(bed.app.send_task("swift.echo", (value,), compression=compression).get(timeout=15)["args"], [value])


def test_messages_of_protocol_1_are_run(bed):
    app = bed.make_app(task_protocol=1)
    equal(app.send_task("swift.add", (2,), {"y": 3}).get(timeout=15), 5)
    raises("ValueError: v1", lambda: app.send_task("swift.fail", ("v1",)).get(timeout=15))
    equal(app.send_task("swift.flaky", (3,)).get(timeout=15), 3)
    begin = time.time()
    equal(app.send_task("swift.add", (2, 3), countdown=0.5).get(timeout=15), 5)
    if time.time() - begin < 0.5:
        raise AssertionError("too early")


def test_every_priority_is_served(bed):
    for priority in [None, 0, 1, 3, 5, 6, 9, 10, 255]:
        equal(bed.app.send_task("swift.add", (1, 1), priority=priority).get(timeout=15), 2)


def test_a_call_with_ignore_result_leaves_no_result(bed):
    marker = bed.app.send_task("swift.echo", ignore_result=True)
    equal(bed.call("add", 1, 1), 2)
    if bed.kind == "redis":
        eventually(lambda: worker_log.receipts(bed.swift.log(), marker.id), "it is received")
        bed.call("sleep", 0.1)
        equal(bed.redis.exists(f"celery-task-meta-{marker.id}"), 0)


def test_500_calls_at_once_from_four_threads_all_get_their_own_results(bed):
    problems = []

    def caller(number):
        try:
            results = [(n, bed.app.send_task("swift.add", (n, number))) for n in range(125)]
            for n, result in results:
                equal(result.get(timeout=30), n + number)
        except Exception as error:
            problems.append(error)
    # With rpc:// results belong to the thread that called.
    threads = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def test_a_message_that_carries_callbacks_is_run_not_thrown_away(bed):
    result = bed.app.send_task("swift.add", (1, 1), link=bed.app.signature("swift.echo", queue="swift"))
    equal(result.get(timeout=15), 2)


def test_a_message_with_stamps_and_limits_is_run(bed):
    signature = bed.app.signature("swift.info", soft_time_limit=30, time_limit=60.5)
    signature.stamp(tenant="acme")
    equal(signature.apply_async(queue="swift").get(timeout=15)["retries"], 0)
