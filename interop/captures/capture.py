"""Records what Celery writes into the folder given on the command line. Started by `interop/capture`.

Senders run in this process, workers in processes of their own (capture_app.py). Ids, host name and process id of the
sender are made up, so that a second capture differs from the first only where the clock shows.
"""
import base64
import datetime
import decimal
import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
import uuid

FOLDER = os.path.dirname(os.path.abspath(__file__))

# Before Celery is imported.
from made_up import fixed_id, ids  # noqa: E402

import amqp  # noqa: E402
import celery  # noqa: E402
import kombu  # noqa: E402
import redis as redis_client  # noqa: E402
from celery import Celery, chain, chord, group  # noqa: E402
from celery.worker.strategy import proto1_to_proto2  # noqa: E402
from kombu.exceptions import ContentDisallowed  # noqa: E402
from kombu.message import Message  # noqa: E402
from kombu.utils.json import dumps  # noqa: E402

import amqp_recorder  # noqa: E402
import capture_cases  # noqa: E402
from capture_app import make_app  # noqa: E402

VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
COMPLETE = VERSION >= (5, 7)
EVERYTHING = {"json", "yaml", "msgpack", "pickle"}
REPLY_TO = str(fixed_id("reply to"))
CONTROL_EXCHANGES = {"celeryev", "celery.pidbox", "reply.celery.pidbox"}

redis_url = os.environ["SWIFT_CELERY_TEST_REDIS_URL"]
server = redis_client.Redis.from_url(redis_url)
recorder = amqp_recorder.Recorder(int(os.environ["SWIFT_CELERY_TEST_RABBITMQ_URL"].rstrip("/").rpartition(":")[2]))
amqp_url = f"amqp://guest:guest@127.0.0.1:{recorder.port}//"


class Setting:
    """One broker with one backend, and the apps of its cases."""

    def __init__(self, transport, backend=None):
        self.transport = transport
        self.broker = {"redis": redis_url, "amqp": amqp_url}[transport]
        self.backend = backend or redis_url
        self.apps = {}
        # A publish then returns after the recorder has seen all of it.
        self.config = {"broker_transport_options": {"confirm_publish": True}} if transport == "amqp" else {}

    def app(self, **config):
        key = json.dumps(config, sort_keys=True)
        if key not in self.apps:
            self.apps[key] = self.known(make_app(self.broker, self.backend, **self.config, **config))
        return self.apps[key]

    def bare(self):
        if "bare" not in self.apps:
            app = Celery("elsewhere", broker=self.broker, backend=self.backend, set_as_current=False)
            app.conf.update(self.config)
            self.apps["bare"] = self.known(app)
        return self.apps["bare"]

    def known(self, app):
        """Gives the app an address for replies that is the same each time."""
        app.__dict__["oid"] = REPLY_TO
        if hasattr(app, "_local"):
            app._local.oid = REPLY_TO
        return app

    def run(self, code, case_id, **config):
        """Evaluates the code of a case."""
        app = self.app(**config)
        app.set_current()
        names = {name.partition(".")[2]: task for name, task in app.tasks.items()
                 if name.startswith(("swift.", "capture."))}
        names.update(
            app=app, bare=self.bare(), v1=self.app(task_protocol=1), ID=case_id, chain=chain, chord=chord, group=group,
            stamped=stamped, nested=nested, datetime=datetime.datetime, date=datetime.date, time=datetime.time,
            timedelta=datetime.timedelta, timezone=datetime.timezone, UTC=datetime.timezone.utc,
            Decimal=decimal.Decimal, UUID=uuid.UUID, nan=math.nan, inf=math.inf)
        return eval(code, names)

    def worker_environment(self, config, retry):
        return {
            **os.environ, "CAPTURE_BROKER": self.broker, "CAPTURE_BACKEND": self.backend,
            "CAPTURE_CONFIG": json.dumps({**self.config, **config}), "CAPTURE_RETRY": json.dumps(retry),
            "C_FORCE_ROOT": "1", "PYTHONWARNINGS": "ignore"}

    def start_worker(self, *arguments, config={}, retry={}, **environment):
        with open(os.path.join(FOLDER, "worker.log"), "ab") as log:
            return subprocess.Popen(
                [sys.executable, os.path.join(FOLDER, "capture_app.py"), "-l", "warning", "-n", "worker@host",
                 "--without-gossip", "--without-mingle", "--without-heartbeat", *arguments],
                cwd=FOLDER, env={**self.worker_environment(config, retry), **environment}, stdout=log, stderr=log)


def stamped(signature, **stamps):
    signature.stamp(**stamps)
    return signature


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def wait_until(condition, seconds=30, what="something"):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.005)
    return found


def end(worker):
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


# Reading what was sent.

def text_or_base64(name, data):
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {name + "_base64": base64.b64encode(data).decode()}


def expectation(message):
    """What Python makes of a message: the values, and what the task of that name returns or raises."""
    accepted = True
    try:
        Message(**message, accept={"application/json"}).decode()
    except ContentDisallowed:
        accepted = False
    decoded = Message(**message, accept={kombu.serialization.registry.name_to_type[name] for name in EVERYTHING})
    body = decoded.decode()
    expected = {"accepted": accepted}
    if "task" in decoded.headers:
        protocol, (args, kwargs, embed), headers = 2, body, decoded.headers
    else:
        protocol, ((args, kwargs, embed), headers, _, _) = 1, proto1_to_proto2(decoded, dict(body))
    expected.update(
        protocol=protocol, task=headers["task"], id=headers["id"], args=dumps(args), kwargs=dumps(kwargs),
        embed=dumps(embed))
    if protocol == 1:
        # Where protocol 2 has headers, this one has more members of the body.
        more = set(body) - {"args", "kwargs", "callbacks", "errbacks", "chord"}
        expected["metadata"] = dumps({name: body[name] for name in body if name in more})
    if accepted and headers["task"] in {"swift.add", "swift.mul", "swift.tsum", "swift.echo", "swift.fail"}:
        try:
            value = redis_setting.app().tasks[headers["task"]].run(*args, **kwargs)
            expected["run"] = {"result": dumps(value)}
        except Exception as error:
            expected["run"] = {"exc_type": type(error).__name__, "exc_message": dumps(error.args)}
    return expected


def redis_message(key, raw):
    envelope = json.loads(raw)
    properties = envelope["properties"]
    body = envelope["body"]
    if properties.get("body_encoding") == "base64":
        body = base64.b64decode(body)
    message = dict(body=body, content_type=envelope["content-type"], content_encoding=envelope["content-encoding"],
                   headers=envelope["headers"], properties=properties)
    return {"key": key.decode(), "raw": raw.decode(), "expect": expectation(message)}


def amqp_message(publish, frames):
    headers = {name: amqp_recorder.plain(field) for name, field in publish.headers.items()}
    properties = publish.properties
    message = dict(body=publish.body, content_type=properties["content_type"],
                   content_encoding=properties["content_encoding"], headers=headers, properties=properties)
    return {**published(publish, frames), "expect": expectation(message)}


def published(publish, frames):
    written = {
        "exchange": publish.exchange, "routing_key": publish.routing_key, "mandatory": publish.mandatory,
        "immediate": publish.immediate, "properties": publish.properties, "headers": publish.headers,
        **text_or_base64("body", publish.body)}
    if frames:
        written["frames"] = [frame.hex() for frame in publish.frames]
    return written


def pushed():
    """Every message in a Redis list, in the order it was sent, as cases; the lists are empty afterwards."""
    cases = []
    for key in sorted(server.keys("*")):
        if server.type(key) == b"list":
            cases += [redis_message(key, raw) for raw in reversed(server.lrange(key, 0, -1))]
            server.delete(key)
    return cases


def recorded(frames):
    return [amqp_message(item, frames) for item in recorder.take() if item.exchange not in CONTROL_EXCHANGES]


def take(transport, case):
    """The messages of a case. Frames are kept for the core cases of the newest version, as they are long."""
    return pushed() if transport == "redis" else recorded(COMPLETE and case.core)


def entries(case, found, **more):
    """One fixture entry for each message; those of a case with several are numbered."""
    if not found:
        raise RuntimeError(f"{case.name}: nothing was sent")
    return [{"name": case.name if len(found) == 1 else f"{case.name}#{index}", "how": case.how, **more, **item}
            for index, item in enumerate(found)]


def wanted(case):
    return (COMPLETE or case.core) and VERSION >= getattr(case, "since", (0,))


# What is recorded.

def sent_messages(setting):
    cases = []
    for case in capture_cases.MESSAGES:
        if not wanted(case) or case.only not in (None, setting.transport):
            continue
        ids.begin(f"message {case.name}")
        setting.run(case.how, str(fixed_id("message", case.name)), **case.config)
        more = {"config": case.config} if case.config else {}
        cases += entries(case, take(setting.transport, case), **more)
        server.flushdb()
    return cases


def retried_messages(setting):
    cases = []
    for case in filter(wanted, capture_cases.RETRIES):
        ids.begin(f"retry {case.name}")
        setting.run(case.how, str(fixed_id("retry", case.name)))
        if setting.transport == "amqp":
            recorder.take()
        worker = setting.start_worker("-P", "solo", retry=case.retry, CAPTURE_EXIT_AFTER_RETRY="1")
        try:
            worker.wait(30)
        except subprocess.TimeoutExpired:
            worker.kill()
            raise
        retry = ", ".join(f"{name}={value!r}" for name, value in {"countdown": 0, **case.retry}.items())
        cases += entries(case, take(setting.transport, case), worker=f"self.retry({retry})")
        server.flushdb()
        if setting.transport == "amqp":
            with setting.app().connection_for_write() as connection:
                connection.default_channel.queue_purge("celery")
    return cases


def restored_message(setting):
    """What a Redis worker gives back when it is told to stop while it holds a message that is not due."""
    class case:
        name = "restored"
        how = "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC))"
    ids.begin("restored")
    setting.run(case.how, str(fixed_id("restored")))
    worker = setting.start_worker("-P", "solo")
    wait_for_worker(setting.app())
    wait_until(lambda: server.hlen("unacked") == 1, what="the message to be fetched")
    end(worker)
    found = entries(case, pushed(), worker="took it and was told to stop")
    server.flushdb()
    return found


def wait_for_worker(app):
    wait_until(lambda: app.control.ping(timeout=0.5), 60, "the worker")


def result_entry(case, key, raw, app):
    entry = {"name": case.name, "how": case.how, "key": key}
    if raw is None:
        return {**entry, "raw": None, "expect": None}
    if key.startswith("celery-taskset-meta-"):
        return {**entry, **text_or_base64("raw", raw), "expect": None}
    return {**entry, **text_or_base64("raw", raw), "expect": result_expectation(raw, app)}


def result_expectation(raw, app):
    meta = app.backend.decode_result(raw)
    value, expected = meta["result"], {"status": meta["status"], "task_id": meta["task_id"]}
    if isinstance(value, BaseException):
        kind = type(value)
        expected["exception"] = {"module": kind.__module__, "type": kind.__qualname__, "args": dumps(value.args),
                                 "text": str(value)}
    else:
        expected["result"] = dumps(value)
    return expected


def stored_results(setting, cases, config):
    cases = list(filter(wanted, cases))
    if not cases:
        return []
    found, app = [], setting.app(**config)
    worker = setting.start_worker("-P", "prefork", "-c", "1", config=config, retry={"countdown": 3600})
    try:
        wait_for_worker(app)
        for case in cases:
            found += stored_result(setting, case, app, config)
    finally:
        end(worker)
        server.flushdb()
    return found


def stored(key):
    """The bytes of a key. Where Python itself is installed shows in some tracebacks and is written as /usr."""
    raw = server.get(key)
    return raw and raw.replace(sys.base_prefix.encode(), b"/usr")


def stored_result(setting, case, app, config):
    case_id = str(fixed_id("result", case.name))
    ids.begin(f"result {case.name}")
    if case.prepare:
        setting.run(case.prepare, case_id, **config)
    setting.run(case.how, case_id, **config)
    if case.until is None:
        # Nothing will be stored: wait for a call behind it.
        setting.run("add.apply_async((1, 1), task_id=ID)", case_id + "-after", **config)
        wait_until(lambda: server.exists(f"celery-task-meta-{case_id}-after"), what=case.name)
    keys = ["celery-task-meta-" + eval(name, {"ID": case_id}) for name in case.ids or ["ID"]]

    def ready(key):
        raw = stored(key)
        if raw is not None:
            state = app.backend.decode_result(raw)["status"]
            return raw if state == case.until or (key != keys[-1] and state in {"SUCCESS", "FAILURE"}) else None

    found = [result_entry(case, key, wait_until(lambda: ready(key), what=f"{case.name}: {case.until}")
                          if case.until else stored(key), app) for key in keys]
    members = "celery-taskset-meta-" + case_id
    if server.exists(members):
        found.append(result_entry(case, members, stored(members), app))
    for number, entry in enumerate(found):
        entry["name"] += f"#{number}" if len(found) > 1 else ""
    # The next case must not run beside a call that still sleeps.
    if case.until in {"PROGRESS", "STARTED"}:
        wait_until(lambda: app.backend.decode_result(server.get(keys[0]))["status"] == "SUCCESS", what=case.name)
    return found


def rpc_results(setting):
    """Results that are messages: to the queue whose name came as `reply_to`."""
    found, app = [], setting.app()
    worker = setting.start_worker("-P", "prefork", "-c", "1", retry={"countdown": 3600})

    def replies(seen):
        if setting.transport == "amqp":
            seen += [(published(item, COMPLETE), item.body, item.properties["correlation_id"])
                     for item in recorder.take() if item.routing_key == REPLY_TO]
        else:
            seen[:] = []
            for raw in reversed(server.lrange(REPLY_TO, 0, -1)):
                envelope = json.loads(raw)
                seen.append(({"key": REPLY_TO, "raw": raw.decode()}, base64.b64decode(envelope["body"]),
                             envelope["properties"]["correlation_id"]))
        return seen

    try:
        wait_for_worker(app)
        for case in filter(wanted, capture_cases.RPC_RESULTS):
            case_id = str(fixed_id("result", case.name))
            ids.begin(f"rpc {case.name}")
            setting.run(case.how, case_id)
            seen = []
            wait_until(lambda: any(json.loads(body)["status"] == case.until and about == case_id
                                   for _, body, about in replies(seen)), what=case.name)
            found += entries(case, [{**item, "expect": result_expectation(body, app)}
                                    for item, body, about in seen if about == case_id])
            server.delete(REPLY_TO)
    finally:
        end(worker)
        server.flushdb()
    return found


def write(folder, topic, cases):
    os.makedirs(os.path.join(folder, topic), exist_ok=True)
    path = os.path.join(folder, topic, f"celery-{celery.__version__}.json")
    about = {
        "topic": topic, "celery": celery.__version__, "kombu": kombu.__version__, "amqp": amqp.__version__,
        "python": platform.python_version(), "made": "interop/capture"}
    # One line for each case: readable in a diff, and a third of the size of indented JSON.
    lines = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
    with open(path, "w") as file:
        file.write(json.dumps(about)[:-1] + f', "cases": [\n{lines}\n]}}\n')
    print(f"capture: {topic} of {celery.__version__}: {len(cases)}", flush=True)


redis_setting = Setting("redis")


def main(folder):
    amqp_setting = Setting("amqp")
    write(folder, "redis-messages",
          sent_messages(redis_setting) + retried_messages(redis_setting) + restored_message(redis_setting))
    retries = retried_messages(amqp_setting)
    write(folder, "amqp-messages", sent_messages(amqp_setting) + retries)
    write(folder, "results", stored_results(redis_setting, capture_cases.RESULTS, {})
          + stored_results(redis_setting, capture_cases.EXTENDED_RESULTS,
                           {"result_extended": True, "task_track_started": True})
          + stored_results(redis_setting, capture_cases.COMPRESSED_RESULTS, {"result_compression": "zlib"}))
    with Setting("amqp").app().connection_for_write() as connection:
        connection.default_channel.queue_purge("celery")
    write(folder, "rpc-results-redis", rpc_results(Setting("redis", "rpc://")))
    write(folder, "rpc-results-amqp", rpc_results(Setting("amqp", "rpc://")))


if __name__ == "__main__":
    main(sys.argv[1])
