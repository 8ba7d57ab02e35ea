"""The worker that the suite's tests run against: a process of its own in place of the suite's, a thread of pytest."""
import json
import os
import shutil
import sys
import tempfile
import time
import uuid

import redis
from celery.contrib.testing.app import DEFAULT_TEST_CONFIG
from celery.utils.nodenames import anon_nodename

from fleet import workers
from fleet.paths import ROOT

# One task at a time and five messages held: the suite counts on both.
SWIFT, PYTHON = "swift", "python"


def swift_binary():
    path = os.environ.get("CONFORMANCE_WORKER") or os.path.join(ROOT, ".build", "debug", "conformance-worker")
    if not os.access(path, os.X_OK):
        raise workers.WorkerError(f"{path} is not there; run: swift build --product conformance-worker")
    return path


def command(language, name, settings):
    if language == SWIFT:
        return [swift_binary(), "-Q", "celery", "-c", "1", "-n", name, "-l", "INFO", "-q", "--config", settings]
    return [sys.executable, "-m", "celery", "-A", "suite.python_app", "worker", "-P", "prefork", "-c", "1", "-n", name,
            "-l", "INFO", "--without-mingle", "--without-gossip"]


class SessionWorker(workers.Worker):
    """A worker whose log tells when a task has succeeded, in both languages with the same words."""

    ready = r"\bready\b"

    def __init__(self, app, language):
        # Some tests compute this name themselves.
        self.hostname = anon_nodename()
        self.app = app
        self.is_being_replaced = False
        # Those of the suite's app, which the suite looks at by remote control.
        self.settings = tempfile.NamedTemporaryFile("w", suffix=".json", prefix="conformance-")
        json.dump({**DEFAULT_TEST_CONFIG, "accept_content": ["json"], "include": ["t.integration.tasks"]}, self.settings)
        self.settings.flush()
        super().__init__(
            command(language, self.hostname, self.settings.name),
            {"PYTHONDONTWRITEBYTECODE": "1", **workers.addresses(app.conf.broker_url, app.conf.result_backend)}, language)

    @property
    def has_ended(self):
        """Whether it is gone, and nobody has wanted that."""
        return not self.is_running and not self.is_being_replaced

    def has_succeeded(self, identifier, since=0):
        """Whether the log says so, as far as it was written since it had so many bytes."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return f"[{identifier}] succeeded in ".encode() in log.read()

    def wait_until_idle(self, seconds=25):
        """Waits until nothing is left of what a test has sent. Says whether that came about.

        There is one task at a time: when a last one, sent behind all others, has ended and the queue is empty, nothing
        runs and nothing is held but what waits for an eta.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.purge()
            identifier, before = str(uuid.uuid4()), os.path.getsize(self.log_path)
            self.app.send_task(
                "t.integration.tasks.identity", ("idle",), task_id=identifier, ignore_result=True, retry=False)
            while not self.has_succeeded(identifier, before):
                if time.monotonic() > deadline or not self.is_running:
                    return False
                time.sleep(0.01)
            if not self.purge():
                return True

    def purge(self):
        """Empties the queue. Says how many messages were in it."""
        with self.app.connection_for_write() as connection:
            return self.app.control.purge(connection=connection)

    def replace(self):
        """Another process in its place, which finds nothing of what this one has held."""
        self.is_being_replaced = True
        try:
            self.kill()
            broker = self.app.conf.broker_url
            if broker.startswith("redis"):
                with redis.Redis.from_url(broker) as server:
                    server.flushall()
            else:
                self.purge()
            self.start().wait_until_ready()
        finally:
            self.is_being_replaced = False

    def close(self):
        super().close()
        self.settings.close()

    def save_log(self, path):
        shutil.copyfile(self.log_path, path)
