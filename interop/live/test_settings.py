"""A Swift worker that has the settings of a Python app sends its tasks on where Python's own would."""
import contextlib
import json
import os
import subprocess
import sys
import uuid

import pytest

from fleet import shop_app, workers
from fleet.paths import INTEROP
from live.bed import eventually

FOLLOWERS = {"shop.bill": "billing", "media.render": "media", "shop.other": "main", "swift.tsum": "main"}


@pytest.fixture(scope="module")
def app(broker, server_of):
    """The shop's app on the test's servers."""
    addresses = workers.addresses(server_of(broker).url, server_of("redis").url)
    with contextlib.closing(shop_app.make_app(*addresses.values())) as app:
        app.addresses = addresses
        yield app


@pytest.fixture(scope="module")
def settings(app, tmp_path_factory):
    """The file that `celery-swift import-config` prints."""
    done = subprocess.run(
        [workers.swift_binary(), "import-config", "fleet.shop_app", "--python", sys.executable], cwd=INTEROP,
        env={**os.environ, **app.addresses}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) >= {"broker_url", "result_backend"}, done.stderr
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(done.stdout)
    return path


class Shop:
    """Sends chains of two, of which a worker runs the first, and reads the message of the second."""

    def __init__(self, app):
        self.app = app
        with app.connection_for_write() as connection:
            for queue in app.amqp.queues.values():
                queue(connection.default_channel).declare()
                queue(connection.default_channel).purge()

    def what_follows(self, follower):
        """All that the message of the second task says, but for what is new in each message."""
        first, second = (str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{follower} {part}")) for part in (1, 2))
        chain = self.app.signature("swift.add", (1, 2), task_id=first) | self.app.signature(follower, task_id=second)
        chain.apply_async()
        return lambda: self.read(FOLLOWERS[follower], second)

    def read(self, name, identifier):
        with self.app.connection_for_write() as connection:
            queue = self.app.amqp.queues[name](connection.default_channel)
            message = queue.get(no_ack=True)
            if message is None:
                return None
            assert message.headers["id"] == identifier
            # Python writes the option of a task that it knows; here it is the receiver who knows it.
            message.headers["ignore_result"] = message.headers["ignore_result"] or False
            headers = {key: value for key, value in message.headers.items() if key not in ("origin", "lang")}
            properties = {
                key: value for key, value in message.properties.items()
                if key not in ("delivery_tag", "delivery_info", "reply_to", "application_headers")}
            where = {key: message.delivery_info.get(key) for key in ("exchange", "routing_key")}
            return {"queue": name, "where": where, "headers": headers, "properties": properties,
                    "body": json.loads(message.body), "type": message.content_type}


def swift_worker(app, settings):
    return workers.SwiftWorker(*app.addresses.values(), ("fast",), "shop", ["-c", "1", "--config", str(settings)])


def python_worker(app):
    return workers.PythonWorker(
        *app.addresses.values(), ("fast",), "stand-in", app="fleet.shop_app", arguments=("--pool", "solo"))


def test_what_follows_a_swift_task_goes_where_python_alone_would_send_it(app, settings):
    shop, seen = Shop(app), {}
    for kind, worker in (("python", python_worker(app)), ("swift", swift_worker(app, settings))):
        with worker:
            worker.wait_until_ready()
            for follower in FOLLOWERS:
                read = shop.what_follows(follower)
                seen[kind, follower] = eventually(read, f"{follower} after a {kind} task", seconds=20)
            assert worker.stop() == 0
            if kind == "swift":
                assert "does not obey" not in worker.log()
    for follower in FOLLOWERS:
        ours, theirs = seen["swift", follower], seen["python", follower]
        for part in ours:
            assert ours[part] == theirs[part], f"{part} of {follower}"


def test_a_chain_of_python_and_swift_steps_over_four_queues_comes_to_its_end(app, settings):
    Shop(app)
    with swift_worker(app, settings) as swift, workers.PythonWorker(
            *app.addresses.values(), ("main", "billing", "media"), "shop-python", app="fleet.shop_app",
            arguments=("--pool", "solo")) as python:
        swift.wait_until_ready()
        python.wait_until_ready()
        steps = [app.signature("swift.add", (1, 2))]
        steps += [app.signature(name) for name in ("shop.bill", "media.render", "shop.other")]
        steps += [app.signature("swift.add", (4,)), app.signature("shop.bill")]
        chain = steps[0]
        for step in steps[1:]:
            chain |= step
        assert chain.apply_async().get(timeout=30) == 7


def test_what_is_awkward_to_write_down_is_written_or_named():
    done = subprocess.run(
        [workers.swift_binary(), "import-config", "fleet.awkward_app", "--python", sys.executable], cwd=INTEROP,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    settings = json.loads(done.stdout)
    # The first route that matches counts.
    assert list(settings["task_routes"]) == ["zoo.token.*", "media.video.*", "media.*", "*"]
    assert settings["task_default_routing_key"] == "main.default"
    main, brief = settings["task_queues"]
    assert main["durable"] and main["exchange"] == {"name": "shop", "type": "topic"}
    assert (brief["durable"], brief["message_ttl"]) == (False, 0)
    assert settings["broker_transport_options"] == {"priority_steps": [0, 5], "sentinel_kwargs": {"socket_timeout": 3}}
    assert "hush" not in done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert lines[0] == "this module talks"
    assert {line.removeprefix("import-config: left out ") for line in lines[1:]} == {
        "broker_transport_options.sentinel_kwargs.password (a secret)", "redis_password (a secret)",
        "security_key (a secret)", "result_backend_transport_options (an address)"}
