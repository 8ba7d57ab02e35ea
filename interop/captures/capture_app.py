"""The Celery app that sends and runs what `capture` records: Python twins of the stock Swift tasks, and some more.

Settings come from the environment, so that a worker process started by capture.py has the same ones:
CAPTURE_BROKER, CAPTURE_BACKEND, CAPTURE_CONFIG (a JSON object), CAPTURE_RETRY (a JSON object, options of `retry`).
"""
import datetime
import decimal
import json
import os
import socket
import time
import uuid

if __name__ == "__main__":
    # Before Celery keeps the function: the name of this machine is nobody's business.
    socket.gethostname = lambda: "host"

import celery.exceptions
from celery import Celery
from celery.exceptions import Ignore, Reject

COMMON = {
    "broker_connection_retry_on_startup": True,
    "worker_hijack_root_logger": False,
    "result_expires": 86400,
}


class CaptureError(Exception):
    """An exception of the user's own, with two arguments."""

    def __init__(self, code, text):
        super().__init__(code, text)


class Unserializable:
    """JSON has nothing for this one."""

    def __repr__(self):
        return "<Unserializable>"


def make_app(broker, backend, **config):
    """An app of its own, with every task registered."""
    app = Celery("capture", broker=broker, backend=backend, set_as_current=False)
    app.conf.update(COMMON)
    app.conf.update(config)
    register(app)
    return app


# The tasks are functions of the module, because Python's messages about wrong arguments name them.

def add(x, y):
    return x + y


def mul(x, y):
    return x * y


def tsum(numbers):
    return sum(numbers)


def echo(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def fail(message):
    raise ValueError(message)


def flaky(self, times):
    tries = self.request.retries + 1
    if tries < times:
        options = json.loads(os.environ.get("CAPTURE_RETRY", "{}"))
        if "reason" in options:
            options["exc"] = ValueError(options.pop("reason"))
        raise self.retry(**{"countdown": 0, **options})
    return tries


def info(self):
    return {"id": self.request.id, "retries": self.request.retries}


def quiet():
    return 1


def value(text):
    """Returns the value of a Python expression."""
    return eval(text, {"datetime": datetime, "decimal": decimal, "uuid": uuid, "Unserializable": Unserializable})


def fail_with(text):
    """Raises the value of a Python expression."""
    raise eval(text, {"CaptureError": CaptureError, "Unserializable": Unserializable,
                      "celery": celery, "Ignore": Ignore, "Reject": Reject})


def fail_because():
    try:
        {}["missing"]
    except KeyError as error:
        raise ValueError("outer") from error


def progress(self, seconds):
    self.update_state(state="PROGRESS", meta={"current": 3, "total": 10})
    time.sleep(seconds)
    return "done"


def parent(self):
    self.app.tasks["swift.add"].apply_async((1, 1), task_id="child-" + self.request.id)
    return "sent one"


def replaced(self, x):
    raise self.replace(self.app.tasks["swift.add"].s(x, 1))


def register(app):
    # Not shared: there are several apps in one process, and each has to reach its own tasks.
    for function in (add, mul, tsum, echo, sleep, fail):
        app.task(function, name="swift." + function.__name__, shared=False)
    app.task(flaky, name="swift.flaky", shared=False, bind=True, max_retries=None)
    app.task(info, name="swift.info", shared=False, bind=True)
    app.task(quiet, name="swift.quiet", shared=False, ignore_result=True)
    for function in (value, fail_with, fail_because):
        app.task(function, name="capture." + function.__name__, shared=False)
    for function in (progress, parent, replaced):
        app.task(function, name="capture." + function.__name__, shared=False, bind=True)


def worker_app():
    return make_app(
        os.environ["CAPTURE_BROKER"], os.environ.get("CAPTURE_BACKEND"),
        **json.loads(os.environ.get("CAPTURE_CONFIG", "{}")))


if __name__ == "__main__":
    import sys

    from celery.signals import task_retry

    # The class must be found under the name of a module, as in a user's own code.
    import capture_app

    app = capture_app.worker_app()
    if os.environ.get("CAPTURE_EXIT_AFTER_RETRY"):
        # The retry message is sent and the state is stored: leave before this worker takes the message itself.
        task_retry.connect(lambda **_: os._exit(0), weak=False)
    app.set_current()
    app.worker_main(["worker", *sys.argv[1:]])
