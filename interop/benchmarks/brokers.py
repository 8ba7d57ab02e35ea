"""The brokers as the bench sees them: filling queues by the C loops, counting what is left and what is done."""
import json
import os
import re
import subprocess
import tempfile

import amqp
import redis

from benchmarks.workers import built
from fleet import servers
from fleet.paths import INTEROP, ROOT

LOOPS = os.path.join(ROOT, ".build", "bench-loops")
ID_MARK = "00000000-0000-0000-0000-000000000000"


PYTHON_CLIENT = [os.path.join(ROOT, ".venv", "bin", "python"), os.path.join(INTEROP, "benchmarks", "python_client.py")]
SWIFT_CLIENT = [built("bench-client")]


def microseconds(seconds):
    return str(round(seconds * 1_000_000))


def run_json(command, **options):
    """Runs a program that prints one line of JSON."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])} {' '.join(command[1:4])} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


class Results:
    """A private Redis, which holds the results in its database 1 and, for the Redis broker, the queues in 0."""

    def __init__(self, server, folder):
        self.port = server.port
        self.url = f"redis://127.0.0.1:{server.port}/1"
        self.database = redis.Redis(port=server.port, db=1)
        self.folder = folder
        # The worker's own scripts, so that the loop does the same as the worker does today.
        with open(os.path.join(ROOT, "Sources", "CeleryRedis", "Broker", "RedisScript.swift")) as file:
            scripts = dict(re.findall(r'static let (\w+)Source = """\n(.*?)"""', file.read(), re.S))
        self.scripts = {name: self.write(f"{name}.lua", text) for name, text in scripts.items()}

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def count(self):
        return self.database.dbsize()

    def clear(self):
        self.database.flushdb()


class RedisBroker:
    name = "redis"

    def __init__(self, server, results):
        self.process = server.process.pid
        self.results = results
        self.port = server.port
        self.url = f"redis://127.0.0.1:{server.port}/0"
        self.database = redis.Redis(port=server.port, db=0)
        self.templates = {}

    def template(self, task, ignore_result):
        """A message that Celery itself has written, with a mark for its id."""
        key = (task, ignore_result)
        if key not in self.templates:
            environment = {**os.environ, "CELERY_BROKER_URL": self.url, "CELERY_RESULT_BACKEND": "disabled://"}
            script = (
                "from fleet import python_app\n"
                f"python_app.app.send_task({task!r}, (2, 3), queue='bench-template', task_id={ID_MARK!r}, "
                f"ignore_result={ignore_result})")
            subprocess.run(
                [os.path.join(ROOT, ".venv", "bin", "python"), "-c", script], cwd=INTEROP, env=environment, check=True)
            text = self.database.rpop("bench-template").decode()
            self.templates[key] = self.results.write(f"{task}-{ignore_result}.json", text)
        return self.templates[key]

    def fill(self, queue, task, count, ignore_result, window=64):
        template = self.template(task, ignore_result)
        return run_json(
            [f"{LOOPS}/redis-loop", "publish", str(self.port), queue, template, str(count), str(window)])

    def drain_command(self, queue, count, prefetch, with_results):
        scripts = [self.results.scripts["claim"]] + ([self.results.scripts["storeResult"]] if with_results else [])
        return [f"{LOOPS}/redis-loop", "drain", str(self.port), queue, str(count), str(prefetch), *scripts]

    def trip_command(self, queue, count, pause):
        return [
            f"{LOOPS}/redis-loop", "trip", str(self.port), queue, self.template("swift.mul", False), str(count),
            microseconds(pause), self.results.scripts["claim"], self.results.scripts["storeResult"]]

    def waiting(self, queue):
        return self.database.llen(queue)

    def clear(self, queue):
        self.database.delete(queue, "unacked", "unacked_index")

    def forget(self, queue):
        """Removes the queue and all that workers which are gone have held of it."""
        self.database.flushdb()


class RabbitBroker:
    name = "rabbitmq"

    def __init__(self, server, results):
        self.process = server.process.pid
        self.results = results
        self.port = server.port
        self.url = server.url
        self.connection = amqp.Connection(f"127.0.0.1:{server.port}", heartbeat=0)
        self.connection.connect()
        self.channel = self.connection.channel()

    def declare(self, queue):
        """As Celery does: a durable queue behind a durable direct exchange of its name."""
        self.channel.exchange_declare(queue, "direct", durable=True, auto_delete=False)
        self.channel.queue_declare(queue, durable=True, auto_delete=False)
        self.channel.queue_bind(queue, queue, queue)

    def fill(self, queue, task, count, ignore_result, window=64):
        self.declare(queue)
        return run_json([
            f"{LOOPS}/rabbit-loop", "publish", str(self.port), queue, task, str(count), str(window),
            str(int(ignore_result))])

    def drain_command(self, queue, count, prefetch, with_results):
        scripts = [str(self.results.port), self.results.scripts["storeResult"]] if with_results else []
        return [f"{LOOPS}/rabbit-loop", "drain", str(self.port), queue, str(count), str(prefetch), *scripts]

    def trip_command(self, queue, count, pause):
        self.declare(queue)
        return [
            f"{LOOPS}/rabbit-loop", "trip", str(self.port), queue, str(count), microseconds(pause), str(self.results.port),
            self.results.scripts["storeResult"]]

    def waiting(self, queue):
        return self.channel.queue_declare(queue, passive=True).message_count

    def clear(self, queue):
        self.declare(queue)
        self.channel.queue_purge(queue)

    def forget(self, queue):
        self.channel.queue_delete(queue)


def open_broker(name, stack):
    """Starts the servers that this broker and its results need."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="swift-celery-bench-"))
    redis_server = stack.enter_context(servers.Redis())
    results = Results(redis_server, folder)
    if name == "redis":
        return RedisBroker(redis_server, results)
    return RabbitBroker(stack.enter_context(servers.RabbitMQ()), results)
