"""The Celery app that sends and runs what `capture` records: Python twins of the stock Swift tasks, and some more.

Settings come from the environment, so that a worker process started by capture.py has the same ones:
CAPTURE_BROKER, CAPTURE_BACKEND, CAPTURE_CONFIG (a JSON object), CAPTURE_RETRY (a JSON object, options of `retry`).
"""
import decimal
import functools
import json
import os
import time

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


def register(app):
    # Not shared: there are several apps in one process, and each has to reach its own tasks.
    task = functools.partial(app.task, shared=False)

    @task(name="swift.add")
    def add(x, y):
        return x + y

    @task(name="swift.mul")
    def mul(x, y):
        return x * y

    @task(name="swift.tsum")
    def tsum(numbers):
        return sum(numbers)

    @task(name="swift.echo")
    def echo(*args, **kwargs):
        return {"args": list(args), "kwargs": kwargs}

    @task(name="swift.sleep")
    def sleep(seconds):
        time.sleep(seconds)
        return seconds

    @task(name="swift.fail")
    def fail(message):
        raise ValueError(message)

    @task(name="swift.flaky", bind=True, max_retries=None)
    def flaky(self, times):
        tries = self.request.retries + 1
        if tries < times:
            options = json.loads(os.environ.get("CAPTURE_RETRY", "{}"))
            if "reason" in options:
                options["exc"] = ValueError(options.pop("reason"))
            raise self.retry(**{"countdown": 0, **options})
        return tries

    @task(name="swift.info", bind=True)
    def info(self):
        return {"id": self.request.id, "retries": self.request.retries}

    @task(name="swift.quiet", ignore_result=True)
    def quiet():
        return 1

    @task(name="capture.value")
    def value(text):
        """Returns the value of a Python expression."""
        import datetime
        import uuid
        names = {"datetime": datetime, "decimal": decimal, "uuid": uuid, "Unserializable": Unserializable}
        return eval(text, names)

    @task(name="capture.fail_with")
    def fail_with(text):
        """Raises the value of a Python expression."""
        import celery.exceptions
        raise eval(text, {"CaptureError": CaptureError, "Unserializable": Unserializable,
                          "celery": celery, "Ignore": Ignore, "Reject": Reject})

    @task(name="capture.fail_because")
    def fail_because():
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("outer") from error

    @task(name="capture.progress", bind=True)
    def progress(self, seconds):
        self.update_state(state="PROGRESS", meta={"current": 3, "total": 10})
        time.sleep(seconds)
        return "done"

    @task(name="capture.parent", bind=True)
    def parent(self):
        add.apply_async((1, 1), task_id="child-" + self.request.id)
        return "sent one"

    @task(name="capture.replaced", bind=True)
    def replaced(self, x):
        raise self.replace(add.s(x, 1))


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
