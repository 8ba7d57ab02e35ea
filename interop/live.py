"""Runs the live checks of `live_*.py`: real Python Celery against real Swift workers, on private brokers.

    .venv/bin/python interop/live.py [--broker redis|rabbitmq] [-k TEXT] [--logs]

A check is a function with `@check`; it gets a `Bed` and fails by raising. Each prints one line: `ok`, `FAILED` with
the reason, or `skipped` with the reason. -k runs only checks whose names hold TEXT; --logs shows the Swift worker's
log after a failure.
"""
import argparse
import contextlib
import gc
import glob
import importlib
import os
import re
import sys
import time
import traceback

import servers
import workers

KINDS = ["redis", "rabbitmq"]
_checks = []


class Skip(Exception):
    """The check cannot be made here, for this reason."""


def check(*only):
    """Marks a check. `@check()` is run on both brokers, `@check("redis")` on that one. The docstring is its name."""
    def mark(function):
        _checks.append((function, only or KINDS))
        return function
    return mark


def equal(actual, expected):
    if actual != expected or type(actual) is not type(expected):
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def raises(text, call):
    """The call must raise an exception which prints as `Name: message`. Returns the exception."""
    try:
        value = call()
    except Exception as error:
        equal(f"{type(error).__name__}: {error}", text)
        return error
    raise AssertionError(f"expected {text}, got {value!r}")


def matches(text, pattern):
    if not re.search(pattern, text):
        raise AssertionError(f"{pattern!r} is not in {text[-2000:]!r}")


def eventually(condition, what, seconds=10):
    """Waits until the condition gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


class Bed:
    """A broker, a Swift worker that serves the queue `swift`, and a Python app that calls it."""

    def __init__(self, kind, server):
        self.kind, self.server = kind, server
        self.broker = server.url
        self.backend = server.url if kind == "redis" else "rpc://"
        self.stack = contextlib.ExitStack()
        self.app = self.make_app()
        self.swift = self.swift_worker(arguments=["-c", "4"])

    def make_app(self, **settings):
        """A Python app of its own; calls to `swift.*` and `python.*` go to the queues of that name."""
        from celery import Celery
        app = Celery("live", broker=self.broker, backend=self.backend)
        app.conf.update(
            task_routes={"swift.*": {"queue": "swift"}, "python.*": {"queue": "python"}},
            redis_retry_on_timeout=True, **settings)
        self.stack.callback(app.close)
        return app

    def swift_worker(self, queues=("swift",), name="swift", arguments=(), broker=None):
        """A running Swift worker, which ends with the bed."""
        worker = workers.SwiftWorker(broker or self.broker, self.backend, queues, name, arguments)
        return self.stack.enter_context(worker).wait_until_ready()

    def python_worker(self, queues=("python",), name="python", arguments=("--pool", "solo"), **more):
        worker = workers.PythonWorker(self.broker, self.backend, queues, name, arguments=arguments, **more)
        return self.stack.enter_context(worker).wait_until_ready()

    def send(self, task, *args, **kwargs):
        """Sends a task to the Swift worker. Positional and keyword arguments are the task's."""
        return self.app.send_task(f"swift.{task}", args, kwargs)

    def call(self, task, *args, **kwargs):
        return self.send(task, *args, **kwargs).get(timeout=15)

    def tool(self, *arguments, broker=None, backend=None, timeout=30):
        """Runs celery-swift; returns its status, its output and its errors."""
        import subprocess
        environment = {**os.environ, **workers.addresses(broker or self.broker, backend or self.backend)}
        done = subprocess.run(
            [workers.swift_binary(), *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=timeout)
        return done.returncode, done.stdout.strip(), done.stderr.strip()

    @property
    def redis(self):
        import redis
        return redis.Redis.from_url(self.broker, decode_responses=False)

    def close(self):
        # Results that are only found to be garbage once their server is gone would complain.
        gc.collect()
        self.stack.close()


def run(bed, text, show_logs):
    """Runs the checks of this bed; returns how many failed."""
    failed = 0
    for function, only in _checks:
        name = f"{bed.kind}: {(function.__doc__ or function.__name__).splitlines()[0]}"
        if bed.kind not in only or text.lower() not in f"{name} {function.__module__}".lower():
            continue
        begin = time.monotonic()
        try:
            function(bed)
            if not bed.swift.is_running:
                raise AssertionError(f"the Swift worker has ended\n{bed.swift.log()[-4000:]}")
            print(f"ok       {name}  {(time.monotonic() - begin) * 1000:.0f} ms", flush=True)
        except Skip as reason:
            print(f"skipped  {name}  {reason}", flush=True)
        except Exception as error:
            failed += 1
            place = traceback.extract_tb(error.__traceback__)
            ours = next((entry for entry in reversed(place) if "live_" in entry.filename), place[-1])
            print(f"FAILED   {name}  {type(error).__name__}: {error}"
                  f" [{os.path.basename(ours.filename)}:{ours.lineno}]", flush=True)
            if show_logs:
                print(bed.swift.log()[-3000:])
        if not bed.swift.is_running:
            bed.swift.start().wait_until_ready()
    return failed


def main():
    parser = argparse.ArgumentParser(description="Python Celery against Swift workers, on both brokers.")
    parser.add_argument("--broker", choices=KINDS)
    parser.add_argument("-k", dest="text", default="", help="only checks whose name or module holds this text")
    parser.add_argument("--logs", action="store_true", help="show the Swift worker's log after a failure")
    options = parser.parse_args()
    # The modules say `from live import check`: there must be one such module, not a second one called __main__.
    sys.modules["live"] = sys.modules[__name__]
    for path in sorted(glob.glob(os.path.join(workers.here, "live_*.py"))):
        importlib.import_module(os.path.basename(path).removesuffix(".py"))
    kinds = [options.broker] if options.broker else KINDS
    failed = 0
    with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
        started = [stack.enter_context(contextlib.closing(make())).launch() for make in
                   [{"redis": lambda: servers.Redis(persistent=True), "rabbitmq": servers.RabbitMQ}[kind] for kind in kinds]]
        for kind, server in zip(kinds, started):
            with contextlib.closing(Bed(kind, server.start())) as bed:
                failed += run(bed, options.text, options.logs)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (servers.ServerError, workers.WorkerError) as error:
        sys.exit(f"live: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
