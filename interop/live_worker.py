"""What a Swift worker does with signals, restarts of the broker, many queues and slow tasks."""
import os
import signal
import time

from live import check, equal, eventually, matches


def unacked(bed, queue):
    """How many messages are held, and how many wait."""
    if bed.kind == "redis":
        return bed.redis.hlen("unacked"), bed.redis.llen(queue)
    for line in bed.server.control(
            "list_queues", "--no-table-headers", "name", "messages_unacknowledged", "messages_ready").splitlines():
        name, held, ready = line.split("\t")
        if name == queue:
            return int(held), int(ready)
    return 0, 0


@check()
def concurrency(bed):
    """-c 2 runs two tasks at a time"""
    worker = bed.swift_worker(["two"], "two", ["-c", "2"])
    begin = time.monotonic()
    for result in [bed.app.send_task("swift.sleep", (0.3,), queue="two") for _ in range(6)]:
        result.get(timeout=10)
    seconds = time.monotonic() - begin
    if not 0.9 <= seconds < 1.8:
        raise AssertionError(f"six tasks of 0.3 s took {seconds:.2f} s")
    equal(worker.stop(), 0)


@check()
def several_queues(bed):
    """One worker serves several queues"""
    worker = bed.swift_worker(["first", "second", "third"], "several")
    for queue in ["third", "first", "second", "first"]:
        equal(bed.app.send_task("swift.info", queue=queue).get(timeout=10)["queue"], queue)
    equal(worker.stop(), 0)


@check()
def prefetch(bed):
    """No more messages are held than concurrency times the prefetch multiplier"""
    worker = bed.swift_worker(["held"], "held", ["-c", "1", "--prefetch-multiplier", "2", "--acks-late"])
    results = [bed.app.send_task("swift.sleep", (0.4,), queue="held") for _ in range(8)]
    eventually(lambda: unacked(bed, "held")[0] > 0, "the worker holds messages")
    held, waiting = unacked(bed, "held")
    if held > 2 or held + waiting < 5:
        raise AssertionError(f"{held} held, {waiting} waiting")
    for result in results:
        result.get(timeout=15)
    # Not killed: it may still owe acknowledgements.
    equal(worker.stop(), 0)


@check()
def prefetch_one_by_one(bed):
    """Messages that come one by one during a long task are left to other workers"""
    worker = bed.swift_worker(["hoard"], "hoard", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    results = [bed.app.send_task("swift.sleep", (1.5,), queue="hoard")]
    for _ in range(5):
        time.sleep(0.1)
        results.append(bed.app.send_task("swift.add", (1, 1), queue="hoard"))
    other = bed.swift_worker(["hoard"], "other", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    begin = time.monotonic()
    for result in results[1:]:
        result.get(timeout=10)
    if time.monotonic() - begin > 0.7:
        raise AssertionError("they waited for the long task")
    results[0].get(timeout=10)
    equal((worker.stop(), other.stop()), (0, 0))


@check()
def warm_shutdown(bed):
    """SIGTERM lets the running task finish, gives back the others, and ends with status 0"""
    worker = bed.swift_worker(["warm"], "warm", ["-c", "1"])
    results = [bed.app.send_task("swift.sleep", (0.7,), queue="warm") for _ in range(3)]
    time.sleep(0.3)
    equal(worker.stop(10), 0)
    eventually(lambda: unacked(bed, "warm") == (0, 2), "the other two wait in their queue")
    results[0].get(timeout=5)
    worker.start().wait_until_ready()
    for result in results:
        result.get(timeout=15)
    equal(worker.stop(), 0)


@check()
def late_shutdown(bed):
    """With --acks-late SIGTERM lets the running task finish, too, and it is not run again"""
    worker = bed.swift_worker(["late"], "late", ["-c", "1", "--acks-late"])
    result = bed.app.send_task("swift.sleep", (0.7,), queue="late")
    time.sleep(0.3)
    equal(worker.stop(10), 0)
    result.get(timeout=5)
    equal(unacked(bed, "late"), (0, 0))
    worker.close()


@check()
def cold_shutdown(bed):
    """A second SIGTERM ends the worker at once; a late task goes back to its queue"""
    worker = bed.swift_worker(["cold"], "cold", ["-c", "1", "--acks-late"])
    bed.app.send_task("swift.sleep", (60,), queue="cold")
    eventually(lambda: unacked(bed, "cold")[0] == 1, "it runs")
    os.kill(worker.process.pid, signal.SIGTERM)
    worker.wait_for_log("warm shutdown", 5)
    os.kill(worker.process.pid, signal.SIGTERM)
    begin = time.monotonic()
    worker.process.wait(10)
    if time.monotonic() - begin > 5:
        raise AssertionError("too slow")
    eventually(lambda: unacked(bed, "cold") == (0, 1), "it waits again")
    worker.close()


@check()
def idle_shutdown(bed):
    """An idle worker ends within a second, with SIGINT as with SIGTERM"""
    for number in [signal.SIGTERM, signal.SIGINT]:
        worker = bed.swift_worker(["idle"], "idle")
        begin = time.monotonic()
        os.kill(worker.process.pid, number)
        equal(worker.process.wait(10), 0)
        if time.monotonic() - begin > 1:
            raise AssertionError(f"{number.name} took {time.monotonic() - begin:.1f} s")
        worker.close()


@check()
def broker_restart(bed):
    """The worker finds the broker again after a restart, by itself"""
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


@check()
def paused_broker(bed):
    """A broker that answers nothing for three seconds loses nothing"""
    bed.server.pause()
    time.sleep(3)
    bed.server.resume()
    equal(bed.call("add", 3, 3), 6)


@check()
def no_such_broker(bed):
    """A broker that cannot be reached, or an address that makes no sense, is one clear line"""
    for url, pattern in [
        ("redis://127.0.0.1:1/0", "(?i)refused"), ("amqp://guest:guest@127.0.0.1:1//", "(?i)refused"),
        ("redis://127.0.0.1:notaport/0", "(?i)port"), ("amqp://guest:guest@nowhere.invalid//", "(?i)nowhere.invalid"),
        ("http://127.0.0.1/", "redis://"), ("nonsense", "redis://"), ("redis://127.0.0.1:1/notanumber", "number of a database"),
        ("sqs://x", "redis://"),
    ]:
        status, output, errors = bed.tool("call", "swift.add", broker=url, backend="disabled")
        # The parser adds lines about usage and help. A path is not named: a password may have ended up in it.
        lines = [line for line in errors.splitlines() if line and not line.startswith(("Usage:", "  See "))]
        equal((url, status == 0, output, len(lines)), (url, False, "", 1))
        matches(lines[0], pattern)


@check("rabbitmq")
def wrong_password(bed):
    """A wrong password is one clear line, without the password"""
    url = bed.broker.replace("guest:guest", "guest:secret-word")
    status, output, errors = bed.tool("call", "swift.add", broker=url, backend="disabled")
    equal((status == 0, output, len(errors.splitlines())), (False, "", 1))
    matches(errors, "(?i)access|refused|login|denied")
    if "secret-word" in errors:
        raise AssertionError("the password is shown")


@check("redis")
def redis_password(bed):
    """A Redis password is sent; a wrong or missing one is one clear line without it"""
    import contextlib
    import servers
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


@check()
def call_options(bed):
    """celery-swift call: eta, expiry, priority, id and queue arrive at Python's worker"""
    python = bed.python_worker(name="options")
    identifier = f"swift-{time.time()}"
    status, output, errors = bed.tool(
        "call", "python.info", "--queue", "python", "--task-id", identifier, "--priority", "4", "--expires", "600",
        "--eta", "2020-01-01T00:00:00Z", "--wait", "--timeout", "15")
    equal((status, errors), (0, ""))
    import json
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


@check()
def bad_options(bed):
    """celery-swift call: arguments that are no JSON are one clear line"""
    for arguments in [["--args", "[1"], ["--args", "{}"], ["--kwargs", "[]"], ["--eta", "soon"], ["--countdown", "x"],
                      ["--priority", "high"]]:
        status, output, errors = bed.tool("call", "swift.add", *arguments)
        lines = [line for line in errors.splitlines() if line and not line.startswith(("Usage:", "Help:", "  See "))]
        equal((arguments, status == 0, output, len(lines)), (arguments, False, "", 1))


@check()
def stopped_while_connecting(bed):
    """SIGTERM ends a worker that waits for its broker, whether that refuses or does not answer"""
    import workers
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


@check("redis")
def priority_order(bed):
    """Of what waits on Redis, priority 0 is served first and 9 last"""
    worker = bed.swift_worker(["ranked"], "ranked", ["-c", "1", "--prefetch-multiplier", "1", "--acks-late"])
    first = bed.app.send_task("swift.sleep", (0.5,), queue="ranked")
    eventually(lambda: unacked(bed, "ranked")[0] == 1, "it runs")
    results = {priority: bed.app.send_task("swift.sleep", (0.02,), queue="ranked", priority=priority)
               for priority in [9, 0, 6, 3]}
    first.get(timeout=10)
    done = {}
    for priority, result in results.items():
        result.get(timeout=10)
        done[priority] = result.date_done
    equal(sorted(done, key=done.get), [0, 3, 6, 9])
    equal(worker.stop(), 0)
