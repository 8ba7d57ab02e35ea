"""Python calls every task of the stock worker, in all the ways that `send_task` has."""
import datetime
import decimal
import json
import threading
import time
import uuid

from celery import exceptions, states
from live import check, equal, eventually, raises


@check()
def add(bed):
    """swift.add takes positional, keyword and mixed arguments and a default"""
    equal(bed.call("add", 2, 3), 5)
    equal(bed.call("add", x=2, y=3), 5)
    equal(bed.call("add", 2, y=3), 5)
    equal(bed.call("add", y=3, x=2), 5)
    equal(bed.call("add", 5), 5)
    equal(bed.call("add", x=5), 5)


@check()
def numbers(bed):
    """swift.add, swift.mul and swift.tsum keep integers and floats apart"""
    equal(bed.call("add", 1, 2.5), 3.5)
    equal(bed.call("add", 1.0, 2.0), 3.0)
    equal(bed.call("add", -1, True), 0)
    equal(bed.call("mul", 6, 7), 42)
    equal(bed.call("mul", x=0.5, y=4), 2.0)
    equal(bed.call("mul", 2**31, 2**31), 2**62)
    equal(bed.call("tsum", [1, 2, 3]), 6)
    equal(bed.call("tsum", []), 0)
    equal(bed.call("tsum", numbers=[0.5, 1]), 1.5)


@check()
def too_big(bed):
    """A sum that does not fit is an OverflowError"""
    raises("OverflowError: the result does not fit 64 bits", lambda: bed.call("add", 2**63 - 1, 1))


@check()
def binding(bed):
    """Arguments that do not fit the task are a TypeError in Python's words"""
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
            return str(error).replace("binding.<locals>.python_words.<locals>.", "")

    for args, kwargs in [((), {}), ((1,), {}), ((1, 2, 3), {}), ((1, 2), {"z": 3}), ((1,), {"x": 1}), ((), {"y": 1})]:
        equal(words(lambda: bed.call("mul", *args, **kwargs)), python_words(*args, **kwargs))


@check()
def wrong_types(bed):
    """An argument of a wrong type is a TypeError, not the end of the worker"""
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


@check()
def echo(bed):
    """swift.echo gives back any JSON value, bit for bit"""
    for value in VALUES:
        result = bed.call("echo", value, key=value)
        equal(json.dumps(result), json.dumps({"args": [value], "kwargs": {"key": value}}))
    result = bed.call("echo", float("nan"))
    equal(json.dumps(result), '{"args": [NaN], "kwargs": {}}')
    equal(bed.call("echo"), {"args": [], "kwargs": {}})


@check()
def typed_values(bed):
    """swift.echo gives back dates, times, decimals, UUIDs and bytes"""
    for value in [
        datetime.datetime(2020, 1, 2, 3, 4, 5, 678901), datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc),
        datetime.date(2020, 2, 29), datetime.time(1, 2, 3), decimal.Decimal("1.50"), uuid.uuid4(), b"abc", b"\xff\xfe",
        [uuid.UUID(int=5), {"when": datetime.date(1999, 12, 31)}],
    ]:
        equal(bed.call("echo", value, value=value), {"args": [value], "kwargs": {"value": value}})


@check()
def deep(bed):
    """swift.echo gives back values that are nested 200 deep"""
    value = 1
    for _ in range(200):
        value = [value]
    equal(bed.call("echo", value)["args"], [value])


@check()
def sleep(bed):
    """swift.sleep waits as long as it is told and returns that"""
    begin = time.monotonic()
    equal(bed.call("sleep", 0.3), 0.3)
    if time.monotonic() - begin < 0.3:
        raise AssertionError("too short")
    equal(bed.call("sleep", seconds=0.0), 0.0)


@check()
def sleep_without_sense(bed):
    """swift.sleep refuses what Python's time.sleep refuses"""
    def refusal(call):
        try:
            call()
        except Exception as error:
            return type(error).__name__
    for seconds in [float("inf"), float("nan"), 1e300, 9223372037.0, -1, -0.5]:
        # The words are not the same in every Python.
        equal(refusal(lambda: bed.call("sleep", seconds)), refusal(lambda: time.sleep(seconds)))


@check()
def numbers_of_the_command_line(bed):
    """A number on the command line that makes no sense is one clear line"""
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


@check("redis")
def compressed_result(bed):
    """A result that Python stored with result_compression is read"""
    app = bed.make_app(result_compression="gzip")
    identifier = str(uuid.uuid4())
    app.backend.store_result(identifier, ["x" * 1000], states.SUCCESS)
    if not bed.redis.get(f"celery-task-meta-{identifier}").startswith(b"\0celery-compressed\0"):
        raise AssertionError("it is not compressed")
    status, output, errors = bed.tool("result", identifier, "--timeout", "5")
    equal((status, output, errors), (0, json.dumps(["x" * 1000]), ""))


@check()
def fail(bed):
    """swift.fail raises ValueError in Python, with message and traceback"""
    result = bed.send("fail", "no luck")
    raises("ValueError: no luck", lambda: result.get(timeout=15))
    equal(result.state, states.FAILURE)
    equal(result.result.args, ("no luck",))
    if not isinstance(result.traceback, str):
        raise AssertionError(f"traceback: {result.traceback!r}")
    raises("ValueError: später", lambda: bed.call("fail", message="später"))


@check()
def flaky(bed):
    """swift.flaky retries until it succeeds, and counts its tries"""
    for times in [0, 1, 2, 5]:
        equal(bed.call("flaky", times), max(1, times))
    equal(bed.call("flaky", times=3), 3)
    raises("OverflowError: the number of tries does not fit 64 bits",
           lambda: bed.app.send_task("swift.flaky", (5,), retries=2**63 - 1).get(timeout=15))


@check()
def info(bed):
    """swift.info sees the id, the queue and the caller's headers"""
    result = bed.app.send_task("swift.info", headers={"x-custom": {"a": [1]}}, shadow="other name")
    info = result.get(timeout=15)
    equal(info["id"], result.id)
    equal(info["retries"], 0)
    equal(info["queue"], "swift")
    # As `request.headers` in Python: the caller's own ones.
    equal(info["headers"], {"x-custom": {"a": [1]}})


@check()
def own_task_id(bed):
    """Ids need not be UUIDs"""
    for identifier in [f"order:{time.time()}/ü", "x" * 200, str(uuid.uuid4())]:
        result = bed.app.send_task("swift.info", task_id=identifier)
        equal(result.get(timeout=15)["id"], identifier)


@check()
def countdown(bed):
    """A countdown and an eta, aware or naive, are kept"""
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


@check()
def expires(bed):
    """A task that comes too late is revoked, one that comes in time is run"""
    begin = datetime.datetime.now(datetime.timezone.utc)
    equal(bed.app.send_task("swift.add", (1, 1), expires=60).get(timeout=15), 2)
    equal(bed.app.send_task("swift.add", (1, 1), expires=begin + datetime.timedelta(minutes=1)).get(timeout=15), 2)
    # RabbitMQ drops a message that has expired by itself, so this one expires while the worker holds it.
    result = bed.app.send_task("swift.add", (1, 1), countdown=0.6, expires=0.3)
    raises("TaskRevokedError: expired", lambda: result.get(timeout=15))
    equal(result.state, states.REVOKED)


@check("redis")
def expired_before(bed):
    """A task that has expired before it is received is revoked"""
    result = bed.app.send_task("swift.add", (1, 1), expires=-5)
    raises("TaskRevokedError: expired", lambda: result.get(timeout=15))


@check()
def unknown(bed):
    """A task that nobody has registered is NotRegistered"""
    result = bed.app.send_task("swift.nothing", (1,))
    try:
        result.get(timeout=15)
    except exceptions.NotRegistered as error:
        equal(error.args, ("swift.nothing",))
        return
    raise AssertionError("no exception")


@check()
def compressed(bed):
    """Messages with a zlib body are read, under both of its names"""
    for compression in ["zlib", "gzip"]:
        value = "x" * 10_000
        equal(bed.app.send_task("swift.echo", (value,), compression=compression).get(timeout=15)["args"], [value])


@check()
def protocol_1(bed):
    """Messages of protocol 1 are run"""
    app = bed.make_app(task_protocol=1)
    equal(app.send_task("swift.add", (2,), {"y": 3}).get(timeout=15), 5)
    raises("ValueError: v1", lambda: app.send_task("swift.fail", ("v1",)).get(timeout=15))
    equal(app.send_task("swift.flaky", (3,)).get(timeout=15), 3)
    begin = time.time()
    equal(app.send_task("swift.add", (2, 3), countdown=0.5).get(timeout=15), 5)
    if time.time() - begin < 0.5:
        raise AssertionError("too early")


@check()
def priorities(bed):
    """Every priority is served"""
    for priority in [None, 0, 1, 3, 5, 6, 9, 10, 255]:
        equal(bed.app.send_task("swift.add", (1, 1), priority=priority).get(timeout=15), 2)


@check()
def ignored(bed):
    """A call with ignore_result leaves no result"""
    marker = bed.app.send_task("swift.echo", ignore_result=True)
    equal(bed.call("add", 1, 1), 2)
    if bed.kind == "redis":
        eventually(lambda: f"task_id={marker.id}" in bed.swift.log() or marker.id in bed.swift.log(), "it is received")
        bed.call("sleep", 0.1)
        equal(bed.redis.exists(f"celery-task-meta-{marker.id}"), 0)


@check()
def many(bed):
    """500 calls at once, from four threads, all get their own results"""
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


@check()
def linked(bed):
    """A message that carries callbacks is run, not thrown away"""
    result = bed.app.send_task("swift.add", (1, 1), link=bed.app.signature("swift.echo", queue="swift"))
    equal(result.get(timeout=15), 2)


@check()
def stamped(bed):
    """A message with stamps and limits is run"""
    signature = bed.app.signature("swift.info", soft_time_limit=30, time_limit=60.5)
    signature.stamp(tenant="acme")
    equal(signature.apply_async(queue="swift").get(timeout=15)["retries"], 0)
