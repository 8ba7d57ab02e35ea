"""Remote control: Celery's own tools ask a Swift worker and a Python worker the same, and get answers of the same shape."""
import base64
import json
import socket

import pytest

from live.bed import equal, eventually, matches, only
from live.watch import Watch


@pytest.fixture(scope="module")
def fleet(bed):
    """The bed, with a Python worker beside the Swift one. Both hold two tasks: one that runs, one that waits for its eta."""
    bed.python_worker(arguments=["-c", "4", "--pool", "threads"])
    bed.ids = {}
    for name in ("swift", "python"):
        bed.ids[name] = [
            bed.app.send_task(f"{name}.sleep", [600]).id,
            bed.app.send_task(f"{name}.add", [1], {"y": 2}, countdown=50, shadow="sum").id]
    eventually(lambda: all(len(tasks) == 1 for tasks in ask(bed, "active").values()), "the first task of each runs", 30)
    return bed


def ask(bed, method, destination=None, **arguments):
    """The replies of both workers, by their names without the host; asks again until both have answered."""
    def both():
        replies = bed.app.control.broadcast(
            method, arguments=arguments, destination=destination, reply=True, timeout=3, limit=2)
        found = {name.partition("@")[0]: value for reply in replies for name, value in reply.items()}
        return found if len(found) == 2 else None
    return eventually(both, f"both workers answer {method}", 30)


# What the answers of a Python worker have and those of a Swift one have not, or the other way round, and why.
EXPLAINED = {
    "stats": {
        "pool.processes": "tasks of a Swift worker share one process; Python's pool of threads shows `threads` instead",
        "pool.threads": "as above",
        "pool.max-tasks-per-child": "Python's pool of processes has it, the one of threads has not",
        "pool.put-guarded-by-semaphore": "as above",
        "pool.timeouts": "as above",
        "pool.strays": "Python kills the process of a task that does not end",
        "pool.max-strays": "as above",
    },
}


def shape(value, path=""):
    """The names in an answer, by the way to them; of lists those of the first element."""
    if isinstance(value, dict):
        names = set()
        for name, part in value.items():
            names |= shape(part, f"{path}.{name}".lstrip("."))
        return names or {path}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return shape(value[0], path)
    return {path}


@pytest.mark.parametrize("command", ["stats", "active", "reserved", "scheduled", "active_queues", "revoked", "clock", "report",
                                     "registered", "hello"])
def test_both_answer_in_the_same_shape(fleet, command):
    arguments = {"from_node": "nobody@nowhere", "revoked": []} if command == "hello" else {}
    answers = ask(fleet, command, **arguments)
    for answer in answers.values():
        if command == "stats":
            # The names of the tasks that it has run.
            answer["total"] = {}
    different = shape(answers["swift"]) ^ shape(answers["python"])
    equal(different, set(EXPLAINED.get(command, {})))
    equal({type(answer) for answer in answers.values()}, {type(answers["python"])})


def test_tasks_are_shown_where_they_are(fleet):
    for name in ("swift", "python"):
        running, waiting = fleet.ids[name]
        [active] = ask(fleet, "active")[name]
        equal((active["id"], active["type"], active["args"], active["kwargs"]), (running, f"{name}.sleep", [600], {}))
        [scheduled] = ask(fleet, "scheduled")[name]
        request = scheduled["request"]
        equal((request["id"], request["name"], request["type"]), (waiting, "sum", f"{name}.add"))
        equal((request["args"], request["kwargs"], request["time_start"]), ([1], {"y": 2}, None))
        equal(ask(fleet, "active", safe=True)[name][0]["args"], "[600]")
        found = ask(fleet, "query_task", ids=[running, waiting, "nobody"])[name]
        states = {identifier: state for identifier, (state, _) in found.items()}
        # Python's worker keeps a task that waits among the reserved ones too, and says so first.
        equal(states, {running: "active", waiting: "scheduled" if name == "swift" else states[waiting]})


@pytest.mark.parametrize("command, arguments", [
    ("nosuch", {}), ("query_task", {}), ("revoke", {}), ("active_queues", {"x": 1}), ("heartbeat", {"x": 1})])
def test_commands_that_fail_say_so_in_the_same_words(fleet, command, arguments):
    answers = ask(fleet, command, **arguments)
    equal(answers["swift"], answers["python"])


def test_a_request_reaches_whom_it_is_for(fleet):
    names = [name for reply in fleet.app.control.ping(timeout=3, limit=2) for name in reply]
    swift, = [name for name in names if name.startswith("swift@")]

    def answering(**whom):
        return [name for reply in fleet.app.control.broadcast("ping", reply=True, timeout=2, limit=1, **whom) for name in reply]
    equal(answering(destination=[swift]), [swift])
    equal(answering(pattern="sw*@*", matcher="glob"), [swift])
    equal(answering(pattern="s.ift@", matcher="pcre"), [swift])


def test_a_revoked_task_does_not_run(fleet):
    # Both workers' tasks at once: each is held back by its countdown until it is revoked.
    late = {name: fleet.app.send_task(f"{name}.add", [1, 1], countdown=50) for name in ("swift", "python")}
    ids = [result.id for result in late.values()]
    eventually(lambda: all(late[name].id in str(tasks) for name, tasks in ask(fleet, "scheduled").items()), "both wait")
    for answer in ask(fleet, "revoke", task_id=ids).values():
        equal(list(answer), ["ok"])
    if fleet.kind == "redis":
        # With results by rpc Python's tells of it when the task is due.
        equal([result.get(timeout=5, propagate=False).__class__.__name__ for result in late.values()], ["TaskRevokedError"] * 2)
    equal(late["swift"].id in str(ask(fleet, "scheduled")["swift"]), False)
    for name in late:
        assert set(ids) <= set(ask(fleet, "revoked")[name])


def test_tasks_that_wait_for_a_slot_are_revoked_at_once(fleet):
    worker = fleet.swift_worker(queues=["busy"], name="busy", arguments=["-c", "1"])
    running = fleet.app.send_task("swift.sleep", [600], queue="busy")
    waiting = [fleet.app.send_task("swift.add", [1, 1], queue="busy") for _ in range(2)]
    eventually(lambda: waiting[1].id in str(fleet.app.control.inspect(timeout=1).reserved()), "they wait", 20)
    fleet.app.control.revoke(waiting[0].id)
    equal(waiting[0].get(timeout=5, propagate=False).__class__.__name__, "TaskRevokedError")
    reserved = str(fleet.app.control.inspect(timeout=2).reserved())
    equal([result.id in reserved for result in waiting], [False, True])
    assert running.id in str(fleet.app.control.inspect(timeout=2).active())
    worker.kill()


def test_stamped_tasks_are_revoked(fleet):
    answers = ask(fleet, "revoke_by_stamped_headers", headers={"customer": ["gone"]})
    equal(answers["swift"], answers["python"])
    result = fleet.app.signature("swift.add", [1, 1]).apply_async(
        headers={"stamped_headers": ["customer"], "stamps": {"customer": ["gone"]}, "customer": ["gone"]})
    equal(result.get(timeout=20, propagate=False).__class__.__name__, "TaskRevokedError")


def test_what_hurts_nobody_is_ignored(fleet):
    """Requests that make no sense: both workers go on."""
    with fleet.app.connection_for_write() as connection, connection.Producer() as producer:
        exchange = fleet.app.control.mailbox.exchange
        for body in [[], {}, {"arguments": {}}, {"method": "ping", "arguments": 5}, {"method": "ping", "reply_to": {"x": 1}},
                     {"method": "ping", "pattern": "(", "matcher": "pcre"}, {"method": "ping", "destination": 7}]:
            producer.publish(body, exchange=exchange.name, declare=[exchange], serializer="json")
        producer.publish("{", exchange=exchange.name, content_type="application/json", content_encoding="utf-8")
    equal(ask(fleet, "ping"), {"swift": {"ok": "pong"}, "python": {"ok": "pong"}})


def test_shutdown_ends_the_worker_as_sigterm_does(fleet):
    worker = fleet.swift_worker(queues=["ending"], name="ending", arguments=["-c", "1"])
    running = fleet.app.send_task("swift.sleep", [1], queue="ending")
    eventually(lambda: running.state != "PENDING" or "received" in worker.log(), "the task is there")
    eventually(lambda: any(name.startswith("ending@") for reply in fleet.app.control.ping(timeout=1) for name in reply),
               "it hears")
    name, = [name for reply in fleet.app.control.ping(timeout=1) for name in reply if name.startswith("ending@")]
    fleet.app.control.shutdown(destination=[name])
    equal(worker.process.wait(20), 0)
    equal(running.get(timeout=5), 1)


def test_the_tool_asks_workers_of_both_languages(fleet):
    def tool(*arguments, status=0):
        code, output, errors = fleet.tool(*arguments, "--timeout", "3")
        equal(code, status)
        return output or errors

    names = sorted(name for reply in fleet.app.control.ping(timeout=3, limit=2) for name in reply)
    lines = tool("status").splitlines()
    equal(sorted(lines[:2]) + lines[2:], [f"->  {name}: OK" for name in names] + ["", "2 nodes online."])
    replies = json.loads(tool("inspect", "query_task", fleet.ids["swift"][0], "--json"))
    equal([list(replies[name]) for name in names], [[], [fleet.ids["swift"][0]]])
    assert "* python.add" in (registered := tool("inspect", "registered")) and "* swift.add" in registered
    equal(tool("control", "revoke", "x1", "-d", names[1]),
          f"->  {names[1]}: OK\n    tasks {{'x1'}} flagged as revoked\n\n1 node online.")
    equal(tool("inspect", "nosuch", "-d", names[1]),
          f"->  {names[1]}: ERROR\n    KeyError('nosuch')\n\n1 node online.")
    equal(tool("inspect", "clock", "-d", "nobody@nowhere", status=69), "Error: No nodes replied within time constraint")
    assert tool("inspect", "stats", "x", status=64).startswith("Error: stats does not take 'x'")


@only("redis")
def test_nothing_is_left_of_a_question(fleet):
    """Nor does the asker touch what workers keep, as kombu's does not; and replies that come too late find no queue."""
    def left():
        return fleet.redis.keys("*.reply.celery.pidbox"), fleet.redis.smembers("_kombu.binding.reply.celery.pidbox")

    commands = []
    with fleet.redis.monitor() as monitor:
        code, output, errors = fleet.tool("inspect", "ping", "--timeout", "1")
        fleet.redis.echo("that was all")
        for command in monitor.listen():
            commands.append(command)
            if "that was all" in command["command"]:
                break
    equal((code, errors), (0, ""))
    askers = {(command["client_address"], command["client_port"]) for command in commands
              if "SETNAME celery-replies" in command["command"]}
    # One asks and one cleans up.
    equal(len(askers), 2)
    told = [command["command"] for command in commands if (command["client_address"], command["client_port"]) in askers]
    assert any(line.startswith("BRPOP ") for line in told), told
    equal([line for line in told if "unacked" in line], [])
    equal(left(), ([], set()))

    fleet.swift.pause()
    try:
        code, output, errors = fleet.tool("inspect", "ping", "--timeout", "0.5")
    finally:
        fleet.swift.resume()
    assert "swift@" not in output, output
    # It obeys one after the other: what it was asked before is answered by now.
    ask(fleet, "ping")
    eventually(lambda: left() == ([], set()), "nothing is left")


@pytest.fixture
def watch(fleet):
    """Events of tasks are on, and gathered."""
    events = dict.fromkeys(("swift", "python"), {"ok": "task events enabled"})
    equal(ask(fleet, "enable_events"), events)
    equal(ask(fleet, "enable_events"), dict.fromkeys(events, {"ok": "task events already enabled"}))
    with Watch(fleet.app) as watch:
        eventually(lambda: watch.beating() >= set(events), "both are heard")
        yield watch
    equal(ask(fleet, "disable_events"), dict.fromkeys(events, {"ok": "task events disabled"}))


RUN = ["task-received", "task-started"]


@pytest.mark.parametrize("task, arguments, types", [
    ("add", [1, 2], [*RUN, "task-succeeded"]),
    ("fail", ["broken"], [*RUN, "task-failed"]),
    ("flaky", [2], [*RUN, "task-retried", *RUN, "task-succeeded"]),
])
def test_events_of_both_languages_say_the_same(fleet, watch, task, arguments, types):
    shapes = {}
    for name in ("swift", "python"):
        result = fleet.app.send_task(f"{name}.{task}", arguments)
        eventually(lambda: len(watch.of(result.id)) == len(types), "all events of the task", 20)
        events = watch.of(result.id)
        # Python sends the next try before it says so.
        equal([event["type"] for event in events] if name == "swift" else types, types)
        shapes[name] = sorted((event["type"], sorted(event)) for event in events)
        *_, last = sorted(events, key=lambda event: event["clock"])
        if task == "fail":
            equal(last["exception"], "ValueError('broken')")
        elif task == "add":
            equal(last["result"], "3")
        equal({event["hostname"].partition("@")[0] for event in events}, {name})
    equal(shapes["swift"], shapes["python"])


def test_a_revoked_task_and_a_heartbeat_are_told(fleet, watch):
    shapes = []
    for name in ("swift", "python"):
        late = fleet.app.send_task(f"{name}.add", [1, 1], countdown=2)
        ask(fleet, "revoke", task_id=[late.id])
        eventually(lambda: any(event["type"] == "task-revoked" for event in watch.of(late.id)), "the end", 20)
        [revoked] = [event for event in watch.of(late.id) if event["type"] == "task-revoked"]
        shapes.append({key: value for key, value in revoked.items() if key in ("terminated", "signum", "expired")})
    equal(shapes[0], shapes[1])
    watch.events.clear()
    ask(fleet, "heartbeat")
    eventually(lambda: sum(event.get("freq") == 5 for event in watch.events) == 2, "a heartbeat each that was asked for")
    eventually(lambda: sum(event.get("freq") == 2 for event in watch.events) >= 4, "two heartbeats each")
    keys = {name: {frozenset(event) for event in watch.events if event["hostname"].startswith(name)}
            for name in ("swift", "python")}
    equal(keys["swift"], keys["python"])


def test_a_worker_says_when_it_comes_and_goes(fleet, watch):
    worker = fleet.swift_worker(queues=["ending"], name="coming", arguments=["-c", "1"])
    eventually(lambda: watch.types_of("coming"), "it has come")
    equal(worker.stop(20), 0)
    eventually(lambda: watch.types_of("coming")[-1:] == ["worker-offline"], "it has gone")
    equal(watch.types_of("coming")[0], "worker-online")


def queues_of(fleet):
    return {name: sorted(queue["name"] for queue in queues) for name, queues in ask(fleet, "active_queues").items()}


def test_queues_are_added_and_cancelled(fleet):
    """Swift's reply comes when it is done, Python's before."""
    equal(*ask(fleet, "add_consumer", queue="later").values())
    eventually(lambda: all("later" in queues for queues in queues_of(fleet).values()), "both consume it")
    shapes = [shape(next(queue for queue in queues if queue["name"] == "later")) for queues in ask(fleet, "active_queues").values()]
    equal(*shapes)
    # Whoever gets it: it is one of both, and the tasks of each are unknown to the other.
    answers = ask(fleet, "cancel_consumer", queue="later")
    equal(answers["swift"], {"ok": "no longer consuming from later"})
    equal(*answers.values())
    eventually(lambda: all("later" not in queues for queues in queues_of(fleet).values()), "nobody consumes it")
    equal(*ask(fleet, "cancel_consumer", queue="never-there").values())
    equal(fleet.send("add", 1, 2).get(timeout=15), 3)


def steer(fleet, worker, command, **arguments):
    """What one worker replies."""
    replies = fleet.app.control.broadcast(
        command, arguments=arguments, destination=[f"{worker.name}@{socket.gethostname()}"], reply=True, timeout=10, limit=1)
    return next(iter(replies[0].values()))


def test_a_queue_that_is_added_is_served_and_one_that_is_cancelled_is_not(fleet):
    worker = fleet.swift_worker(queues=["first"], name="moving", arguments=["-c", "2"])
    running = fleet.app.send_task("swift.sleep", [3], queue="first")
    waiting = fleet.app.send_task("swift.add", [2, 2], queue="first", countdown=4)
    eventually(lambda: running.id in worker.log() and waiting.id in worker.log(), "it has both")
    equal(steer(fleet, worker, "add_consumer", queue="second", exchange="shop", routing_key="shop.second"),
          {"ok": "add consumer second"})
    equal(fleet.app.send_task("swift.add", [1, 1], queue="second").get(timeout=10), 2)
    if fleet.kind == "rabbitmq":
        # By the exchange and the key that it was added with.
        result = fleet.app.send_task("swift.add", [3, 3], exchange="shop", routing_key="shop.second")
        equal(result.get(timeout=10), 6)
    for queue in ("first", "second"):
        equal(steer(fleet, worker, "cancel_consumer", queue=queue), {"ok": f"no longer consuming from {queue}"})
    equal(steer(fleet, worker, "active_queues"), [])
    # What it had taken it runs, once.
    running.get(timeout=20)
    equal(waiting.get(timeout=20), 4)
    late = fleet.app.send_task("swift.add", [5, 5], queue="first")
    equal(steer(fleet, worker, "ping"), {"ok": "pong"})
    equal(fleet.held_and_waiting("first")[1], 1)
    equal(steer(fleet, worker, "add_consumer", queue="first"), {"ok": "add consumer first"})
    equal(late.get(timeout=10), 10)
    equal(worker.log().count(f"{running.id}] received"), 1)
    equal(worker.log().count(f"{waiting.id}] received"), 1)
    equal(worker.log().count("succeeded"), 5 if fleet.kind == "rabbitmq" else 4)
    worker.kill()


def test_a_queue_that_cannot_be_consumed_changes_nothing(fleet):
    # Python's worker says ok, and ends.
    answer = steer(fleet, fleet.swift, "add_consumer", queue="strange", exchange_type="nonsense")
    assert "exchange_type" in answer["error"], answer
    if fleet.kind == "redis":
        assert "is a key of Celery" in steer(fleet, fleet.swift, "add_consumer", queue="unacked")["error"]
    equal(queues_of(fleet)["swift"], ["swift"])
    equal(fleet.send("add", 1, 2).get(timeout=15), 3)


@pytest.mark.parametrize("command, arguments", [("pool_restart", {}), ("autoscale", {"max": 5, "min": 2})])
def test_what_makes_no_sense_is_refused_in_pythons_words(fleet, command, arguments):
    answers = ask(fleet, command, **arguments)
    equal(answers["swift"], answers["python"])


@only("redis")
def test_what_was_sent_before_a_question_is_in_its_answer(fleet):
    """The task and the question reach Redis with one write: whoever hears of both at once must look first."""
    worker = fleet.swift_worker(queues=["asked"], name="asked", arguments=["-c", "1"])
    server = fleet.redis
    with server.pubsub() as announced:
        announced.subscribe("/0.celery.pidbox")
        fleet.app.control.broadcast("scheduled", destination=[f"asked@{socket.gethostname()}"], reply=True, timeout=5, limit=1)
        question = json.loads(eventually(
            lambda: next((heard["data"] for heard in iter(announced.get_message, None) if heard["type"] == "message"), None),
            "the question is announced"))
    body = json.loads(base64.b64decode(question["body"]))
    body["reply_to"] = {"exchange": "reply.celery.pidbox", "routing_key": "asker"}
    question["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    server.sadd("_kombu.binding.reply.celery.pidbox", "asker\x06\x16\x06\x16asker")
    fleet.app.send_task("swift.add", [1, 1], queue="template", countdown=50)
    task = json.loads(server.rpop("template"))
    for number in range(200):
        task["headers"]["id"] = task["properties"]["correlation_id"] = f"asked-{number}"
        with server.pipeline(transaction=False) as both:
            both.lpush("asked", json.dumps(task))
            both.publish("/0.celery.pidbox", json.dumps(question))
            both.execute()
        _, answer = server.brpop("asker", 10)
        matches(base64.b64decode(json.loads(answer)["body"]).decode(), f"asked-{number}\\b")
    equal(worker.stop(), 0)


def test_pools_grow_and_shrink_alike(fleet):
    python = fleet.python_worker(queues=["pool.python"], name="prefork", arguments=["-c", "2"])
    swift = fleet.swift_worker(queues=["pool.swift"], name="growing", arguments=["-c", "2"])

    def sizes(worker):
        stats = steer(fleet, worker, "stats")
        return stats["pool"]["max-concurrency"], stats["prefetch_count"]
    # So many messages for each task at a time.
    multiplier = sizes(python)[1] // 2
    for command, arguments, size in (("pool_grow", {"n": 2}, 4), ("pool_grow", {}, 5), ("pool_shrink", {"n": 1}, 4)):
        equal(steer(fleet, swift, command, **arguments), steer(fleet, python, command, **arguments))
        equal(sizes(swift), (size, 4 * size))
        # Python's goes on to show the concurrency that it has started with.
        eventually(lambda: sizes(python) == (2, multiplier * size), f"Python's has {size}", 10)
    # Python's pool may lose its last process, and shrink by less than nothing.
    for arguments in ({"n": 4}, {"n": 0}, {"n": -1}, {"n": "many"}):
        assert "error" in steer(fleet, swift, "pool_shrink", **arguments), arguments
    assert "error" in steer(fleet, swift, "pool_grow", n=10**12)
    equal(sizes(swift), (4, 16))
    for worker in (swift, python):
        worker.kill()


def test_more_tasks_run_after_growing_and_fewer_after_shrinking(fleet):
    worker = fleet.swift_worker(queues=["pool.busy"], name="busy", arguments=["-c", "2"])
    tasks = [fleet.app.send_task("swift.sleep", [3], queue="pool.busy") for _ in range(20)]

    def running():
        return len(steer(fleet, worker, "active"))
    eventually(lambda: running() == 2, "two tasks run")
    equal(steer(fleet, worker, "pool_grow", n=4), {"ok": "pool will grow"})
    eventually(lambda: running() == 6, "six tasks run")
    # All are busy: they end their tasks first.
    equal(steer(fleet, worker, "pool_shrink", n=5), {"ok": "pool will shrink"})
    eventually(lambda: running() == 1, "one task runs", 15)
    assert any(not task.ready() for task in tasks)
    equal(steer(fleet, worker, "pool_grow", n=9), {"ok": "pool will grow"})
    for task in tasks:
        task.get(timeout=60)
    for task in tasks:
        equal(worker.log().count(f"{task.id}] received"), 1)
    eventually(lambda: fleet.held_and_waiting("pool.busy") == (0, 0), "nothing is left")
    worker.kill()
