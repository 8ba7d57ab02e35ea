"""Broadcast queues: what is sent to one runs once in each worker that has it, in whichever language, beside its other tasks."""
import json
import socket

import pytest
from kombu import Queue
from kombu.common import Broadcast

from live.bed import equal, eventually, only


@pytest.fixture(scope="module")
def fleet(bed):
    """The bed, with a Swift and a Python worker that have the broadcast queue `news` and a queue of their own each."""
    bed.hearers = [
        bed.swift_worker(queues=["news?broadcast=true", "own"], name="hearing", arguments=["-c", "2"]),
        bed.python_worker(queues=["news", "python"], name="python", app="fleet.broadcast_app")]
    return bed


@pytest.fixture(scope="module")
def senders(fleet, tmp_path_factory):
    """What sends a task to everybody, from each language; returns its id."""
    settings = tmp_path_factory.mktemp("settings") / "settings.json"
    settings.write_text(json.dumps({"task_queues": [
        {"name": "bcast.1", "alias": "news", "exchange": {"name": "news", "type": "fanout"}, "auto_delete": True},
        {"name": "celery"}]}))

    def python():
        # On Redis Celery 5.7 takes an exchange that it has not declared for a direct one, and does not declare this one.
        return app.send_task("swift.add", [1, 2], queue="news", declare=[news.exchange]).id

    def swift():
        code, output, errors = fleet.tool("call", "swift.add", "-a", "[1, 2]", "--queue", "news", "--config", str(settings))
        equal((code, errors), (0, ""))
        return output

    news = Broadcast("news")
    app = fleet.make_app(task_queues=[news, Queue("celery", routing_key="celery")])
    return {"python": python, "swift": swift}


def runs(worker, identifier):
    return worker.all_logs().count(f"Task swift.add[{identifier}] succeeded")


def all_run(fleet, identifier):
    eventually(lambda: all(runs(worker, identifier) for worker in fleet.hearers), f"both run {identifier}")


def own_tasks_run(fleet):
    equal(fleet.app.send_task("swift.add", [3, 4], queue="own").get(timeout=10), 7)
    equal(fleet.app.send_task("python.add", [3, 4], queue="python").get(timeout=10), 7)


@pytest.mark.parametrize("language", ["python", "swift"])
def test_everybody_runs_it_once(fleet, senders, language):
    ids = [senders[language]() for _ in range(5)]
    own_tasks_run(fleet)
    for identifier in ids:
        all_run(fleet, identifier)
    # What is sent later has run: a second copy of the others would have come before.
    last = senders[language]()
    all_run(fleet, last)
    equal([runs(worker, identifier) for worker in fleet.hearers for identifier in ids], [1] * 10)


def test_it_goes_on_after_the_connections_were_cut(fleet, senders):
    swift = fleet.hearers[0]
    if fleet.kind == "redis":
        listening = [client for client in fleet.redis.client_list() if client["name"] in ("celery-fanout", "celery-consume")]
        assert listening
        for client in listening:
            fleet.redis.client_kill_filter(_id=client["id"])
        swift.wait_for_log("what is sent to everybody is heard again", 20)
    else:
        for line in fleet.server.control("list_connections", "--no-table-headers", "pid", "client_properties").splitlines():
            pid, _, properties = line.partition("\t")
            if "hearing@" in properties:
                fleet.server.control("close_connection", pid, "cut by the test")
        swift.wait_for_log("ready again|connected again", 30)
    identifier = senders["swift"]()
    all_run(fleet, identifier)
    own_tasks_run(fleet)
    equal([runs(worker, identifier) for worker in fleet.hearers], [1, 1])


def steer(fleet, command, **arguments):
    name = f"hearing@{socket.gethostname()}"
    replies = fleet.app.control.broadcast(command, arguments=arguments, destination=[name], reply=True, timeout=10, limit=1)
    return replies[0][name]


def test_queues_come_and_go_beside_it(fleet, senders):
    queue, = [queue for queue in steer(fleet, "active_queues") if queue["alias"] == "news"]
    equal((queue["exchange"]["name"], queue["exchange"]["type"], queue["auto_delete"]), ("news", "fanout", True))
    ids = []
    for command in ("add_consumer", "cancel_consumer") * 3:
        ids.append(senders["python"]())
        assert "ok" in steer(fleet, command, queue="more")
        ids.append(senders["python"]())
    for identifier in ids:
        all_run(fleet, identifier)
    equal([runs(fleet.hearers[0], identifier) for identifier in ids], [1] * len(ids))
    equal(steer(fleet, "cancel_consumer", queue="news"), {"ok": "no longer consuming from news"})
    equal([queue["name"] for queue in steer(fleet, "active_queues")], ["own"])
    unheard = senders["python"]()
    eventually(lambda: runs(fleet.hearers[1], unheard), "Python runs it")
    own_tasks_run(fleet)
    equal(runs(fleet.hearers[0], unheard), 0)
    assert "ok" in steer(fleet, "add_consumer", queue="news")
    all_run(fleet, senders["swift"]())


@only("redis")
def test_nothing_is_kept_of_it(fleet):
    equal(fleet.redis.keys("bcast.*"), [])
