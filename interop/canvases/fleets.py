"""Two fleets that serve the queues `one` and `two`: Python alone, and Python with Swift; and clients in both languages."""
import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import redis
from kombu import Connection

from fleet import servers, workers
from fleet.paths import INTEROP, ROOT

QUEUES = ["one", "two"]
PYTHON, SWIFT, MIXED = "python", "swift", "mixed"
# What a task does to the results' server; asking for work and the workers' signs of life are not among it.
WRITES = ("set", "setex", "publish", "lpush", "rpush")


def peer():
    """The built `canvas-peer`; CANVAS_PEER names another one."""
    path = os.environ.get("CANVAS_PEER") or os.path.join(ROOT, ".build", "debug", "canvas-peer")
    if not os.access(path, os.X_OK):
        raise workers.WorkerError(f"{path} is not there; run: swift build --product canvas-peer")
    return path


class PeerWorker(workers.SwiftWorker):
    """The Swift worker that has the tasks of `canvases.app`."""

    def __init__(self, *arguments, environment, **more):
        super().__init__(*arguments, **more)
        self.command[:2] = [peer()]
        self.environment.update(environment)


class Fleet:
    """Servers of its own, workers, and clients of both languages."""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name
        self.stack = contextlib.ExitStack()
        self.results = servers.Redis()
        self.notes = servers.Redis()
        self.broker = self.results if kind == "redis" else servers.RabbitMQ()
        self.workers = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            for server in dict.fromkeys([self.broker, self.results, self.notes]):
                server.launch()
                stack.callback(server.close)
            for server in dict.fromkeys([self.broker, self.results, self.notes]):
                server.start()
            self.environment = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self.notes.port)}
            self.results_client = stack.enter_context(redis.Redis.from_url(self.results.url, decode_responses=True))
            self.notes_client = stack.enter_context(redis.Redis.from_url(self.notes.url, decode_responses=True))
            self.connection = stack.enter_context(Connection(self.broker.url))
            self.workers = [self.python_worker(QUEUES if self.name == PYTHON else QUEUES[:1])]
            if self.name == MIXED:
                self.workers.append(PeerWorker(
                    self.broker.url, self.results.url, QUEUES[1:], "swift", arguments=["-c", "4", "--without-heartbeat"],
                    environment={**self.environment, "CELERY_TASK_DEFAULT_QUEUE": "two"}))
            for worker in self.workers:
                stack.enter_context(worker)
            for worker in self.workers:
                worker.wait_until_ready()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def python_worker(self, queues):
        return workers.PythonWorker(
            self.broker.url, self.results.url, queues, self.name, app="canvases.app", environment=self.environment,
            # A Python worker that ends a chord with chunks in its header holds a process until their parts have run; with few of
            # them all may wait for what no process is left to run.
            arguments=["-c", "8", "--without-gossip", "--without-mingle", "--without-heartbeat"])

    def client(self, language):
        if language == SWIFT:
            return Client([peer(), "send", self.broker.url, self.results.url], {})
        return Client([sys.executable, "-m", "canvases.client"],
                      {**self.environment, **workers.addresses(self.broker.url, self.results.url)})

    # What is going on.

    def waiting(self):
        """How many messages wait or are held, as far as the broker tells quickly."""
        if self.kind == "redis":
            keys = [key for key in self.results_client.scan_iter("*", count=1000, _type="list") if key.startswith(tuple(QUEUES))]
            return sum(self.results_client.llen(key) for key in keys) + self.results_client.hlen("unacked")
        with self.connection.channel() as channel:
            return sum(channel.queue_declare(queue, passive=True).message_count for queue in QUEUES)

    def activity(self):
        """A number that changes whenever a task ends or notes something."""
        statistics = self.results_client.info("commandstats")
        writes = sum(statistics.get(f"cmdstat_{name}", {}).get("calls", 0) for name in WRITES)
        return writes, self.notes_client.info("commandstats").get("cmdstat_rpush", {}).get("calls", 0)

    def wait_until_at_rest(self, quiet, seconds=900):
        """Waits until nothing waits and nothing has happened for `quiet` seconds."""
        deadline = time.monotonic() + seconds
        before, since = None, time.monotonic()
        while time.monotonic() < deadline:
            for worker in self.workers:
                if not worker.is_running:
                    raise workers.WorkerError(f"{worker.name} has ended\n{worker.log()[-4000:]}")
            now = self.activity()
            if now != before or self.waiting():
                before, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
            time.sleep(0.05)
        raise workers.WorkerError(f"the fleet {self.name} does not come to rest; {self.waiting()} messages wait")


class Client:
    """A process that sends canvases."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": INTEROP, "PYTHONDONTWRITEBYTECODE": "1", **environment}, cwd=INTEROP,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, orders):
        """Sends the canvases; returns what the client says of each, by its run."""
        def write():
            for order in orders:
                self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        # In a thread of its own: nobody may wait for a full pipe while the other end does too.
        writer = threading.Thread(target=write)
        writer.start()
        answers = {}
        for _ in orders:
            line = self.process.stdout.readline()
            if not line:
                raise workers.WorkerError(f"a client has ended with status {self.process.wait()}")
            answer = json.loads(line)
            answers[answer.pop("run")] = answer
        writer.join()
        return answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
