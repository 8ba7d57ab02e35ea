"""Worker processes for the demo and the live tests: Python's `celery worker` and `celery-swift worker`.

    with PythonWorker(broker, backend, queues=["python"]) as python, SwiftWorker(broker, backend) as swift:
        python.wait_until_ready()
        swift.wait_until_ready()

Each is a process of its own with its log in a file; it ends with us, also when we are killed. What is left of it
is stopped by its id.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from fleet import servers
from fleet.paths import INTEROP, ROOT



class WorkerError(RuntimeError):
    """A worker did not start or did not stop. The message holds the end of its log."""


def swift_binary():
    """The built `celery-swift`; CELERY_SWIFT names another one."""
    path = os.environ.get("CELERY_SWIFT") or os.path.join(ROOT, ".build", "debug", "celery-swift")
    if not os.access(path, os.X_OK):
        raise WorkerError(f"{path} is not there; run: swift build --product celery-swift")
    return path


class Worker:
    """A worker process. `ready` is what its log says when it takes tasks."""

    ready = None

    def __init__(self, command, environment, name):
        self.command = command
        self.environment = {**os.environ, **environment}
        self.name = name
        self.process = None
        self.read_from = 0
        descriptor, self.log_path = tempfile.mkstemp(prefix=f"swift-celery-{name}-", suffix=".log")
        os.close(descriptor)

    def start(self):
        self.read_from = os.path.getsize(self.log_path)
        in_main = threading.current_thread() is threading.main_thread()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=INTEROP, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=servers._die_with_parent if in_main else None)
        return self

    def log(self):
        """What the process that runs now has written."""
        with open(self.log_path, "rb") as log:
            log.seek(self.read_from)
            return log.read().decode("utf-8", "replace")

    def all_logs(self):
        """What it has written since it was started for the first time."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_for_log(self, pattern, seconds):
        """Waits until the log matches the pattern."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log())):
            if self.process.poll() is not None:
                raise WorkerError(f"{self.name} ended with {self.process.returncode}\n{self.log()[-4000:]}")
            if time.monotonic() > deadline:
                raise WorkerError(f"{self.name} does not say {pattern!r}\n{self.log()[-4000:]}")
            time.sleep(0.02)
        return found

    def wait_until_ready(self, seconds=60):
        self.wait_for_log(self.ready, seconds)
        return self

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def pause(self):
        """SIGSTOP: the worker keeps its connections and does nothing until `resume`."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        """Ends the worker and its children at once, as the kernel does when memory is short."""
        process, self.process = self.process, None
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def stop(self, seconds=15):
        """Asks the worker to finish its tasks and end (SIGTERM). Returns its exit status."""
        process = self.process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            log = self.log()[-4000:]
            self.kill()
            raise WorkerError(f"{self.name} did not stop within {seconds} s\n{log}") from None
        self.kill()
        return status

    def close(self):
        self.kill()
        if os.path.exists(self.log_path):
            os.unlink(self.log_path)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, _):
        if kind is not None and issubclass(kind, Exception) and os.environ.get("SHOW_LOGS"):
            print(f"--- {self.name}\n{self.log()[-8000:]}", file=sys.stderr)
        self.close()


def addresses(broker, backend):
    return {"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": backend}


class PythonWorker(Worker):
    """`celery -A fleet.python_app worker`, from the virtual environment we run in."""

    ready = r" ready\."

    def __init__(self, broker, backend, queues, name="python", app="fleet.python_app", arguments=(), environment=None,
                 settings=None):
        command = [
            sys.executable, "-m", "celery", "-A", app, "worker", "-Q", ",".join(queues), "-n", f"{name}@%h",
            "-l", "INFO", *arguments]
        super().__init__(
            command, {"PYTHONDONTWRITEBYTECODE": "1", **addresses(broker, backend),
                      "CELERY_APP_CONFIG": json.dumps(settings or {}), **(environment or {})}, name)


class SwiftWorker(Worker):
    """`celery-swift worker`."""

    ready = r"\bready\b"

    def __init__(self, broker, backend, queues=("swift",), name="swift", arguments=()):
        command = [swift_binary(), "worker", "-Q", ",".join(queues), "-n", f"{name}@%h", "-l", "INFO", "-q",
                   *arguments]
        super().__init__(command, addresses(broker, backend), name)
