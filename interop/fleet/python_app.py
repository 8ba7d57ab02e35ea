"""The Python side of the demo and of the live tests: a plain Celery app, as a user of Swift workers would write it.

    cd interop
    export CELERY_BROKER_URL=redis://127.0.0.1:6379/0 CELERY_RESULT_BACKEND=redis://127.0.0.1:6379/0
    ../.venv/bin/celery -A fleet.python_app worker --queues python

Tasks named `python.*` run here. Each has a twin that a Swift worker runs:

    swift.add(x, y)                the sum
    swift.mul(x, y)                the product
    swift.tsum(numbers)            the sum of a list, the usual body of a chord
    swift.echo(*args, **kwargs)    {"args": [...], "kwargs": {...}} as they arrived
    swift.sleep(seconds)           waits, then returns the seconds
    swift.fail(message)            fails with ValueError(message)
    swift.flaky(times)             retries at once until it was tried `times` times, returns the number of tries
    swift.info()                   what the worker knows about the call: id, retries, queue, headers, ...

They are called by name, as there is no Python code for them:

    app.send_task("swift.add", (2, 3)).get()
    chain(app.signature("swift.add", (2, 3)), app.signature("python.mul", (10,))).delay().get()

Calls go to the queue `swift` or `python` by the first part of the name, unless a call names a queue itself.
CELERY_APP_CONFIG may hold a JSON object with more settings.
"""
import json
import os
import time

from celery import Celery
from celery.exceptions import Reject

app = Celery(
    "python_app",
    broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"),
    backend=os.environ.get("CELERY_RESULT_BACKEND", "redis://127.0.0.1:6379/0"),
)
app.conf.update(
    task_routes={"swift.*": {"queue": "swift"}, "python.*": {"queue": "python"}},
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    enable_utc=True,
)
app.conf.update(json.loads(os.environ.get("CELERY_APP_CONFIG", "{}")))


@app.task(name="python.add")
def add(x, y=10):
    return x + y


@app.task(name="python.mul")
def mul(x, y):
    return x * y


@app.task(name="python.tsum")
def tsum(numbers):
    return sum(numbers)


@app.task(name="python.echo")
def echo(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


@app.task(name="python.reject")
def reject(requeue=False):
    raise Reject("not here", requeue=requeue)


@app.task(name="python.sleep")
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@app.task(name="python.fail")
def fail(message):
    raise ValueError(message)


@app.task(name="python.flaky", bind=True, max_retries=None)
def flaky(self, times):
    tries = self.request.retries + 1
    if tries < times:
        raise self.retry(countdown=0)
    return tries


@app.task(name="python.info", bind=True)
def info(self):
    request = self.request
    delivery = request.delivery_info or {}
    return {
        "id": request.id,
        "task": self.name,
        "root_id": request.root_id,
        "parent_id": request.parent_id,
        "group": request.group,
        "group_index": request.group_index,
        "retries": request.retries,
        "eta": request.eta,
        "expires": request.expires,
        "timelimit": request.timelimit,
        "hostname": request.hostname,
        "origin": getattr(request, "origin", None),
        "reply_to": request.reply_to,
        "correlation_id": request.correlation_id,
        "routing_key": delivery.get("routing_key"),
        "exchange": delivery.get("exchange"),
        "priority": delivery.get("priority"),
        "redelivered": delivery.get("redelivered"),
        "headers": request.headers,
        "stamps": getattr(request, "stamps", None),
        "stamped_headers": getattr(request, "stamped_headers", None),
        "ignore_result": getattr(request, "ignore_result", None),
    }


@app.task(name="python.progress", bind=True)
def progress(self, steps=3):
    for step in range(1, steps + 1):
        self.update_state(state="PROGRESS", meta={"current": step, "total": steps})
    return steps
