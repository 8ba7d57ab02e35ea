"""The Python worker of `interop/chaos`: runs the same tasks as a Swift worker, under the same names.

It writes down which tasks it has started, and when for the last time, in the sorted set `chaos:started` of the result
backend, before it acknowledges their messages. CHAOS_LATE=1 acknowledges after the tasks instead.
"""
import os
import time

import redis
from celery import Celery, Task
from celery.worker.request import Request

IS_LATE = os.environ.get("CHAOS_LATE") == "1"
broker, backend = os.environ["CELERY_BROKER_URL"], os.environ["CELERY_RESULT_BACKEND"]
app = Celery("noting_app", broker=broker, backend=backend)
app.conf.update(
    task_default_queue="chaos",
    task_acks_late=IS_LATE,
    task_reject_on_worker_lost=IS_LATE,
    broker_connection_retry_on_startup=True,
)
if broker.startswith("redis"):
    app.conf.broker_transport_options = {
        "visibility_timeout": 5,
        # What is overdue is looked for every second, and a killed worker's lock does not stand in the way for long.
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 2,
    }
else:
    # Without it Python does not wait for RabbitMQ to have a retry before it acknowledges the task: a kill in between
    # loses the task, whoever else works on the queue.
    app.conf.broker_transport_options = {"confirm_publish": True}
_notes = redis.Redis.from_url(backend)


class NotedRequest(Request):
    """Notes that the task starts. The message is acknowledged after this, not before."""

    def on_accepted(self, pid, time_accepted):
        _notes.zadd("chaos:started", {self.id: time.time()})
        super().on_accepted(pid, time_accepted)


class NotedTask(Task):
    Request = NotedRequest


def task(name, **options):
    return app.task(name=name, base=NotedTask, **options)


@task("swift.add")
def add(x, y=0):
    return x + y


@task("swift.mul")
def mul(x, y):
    return x * y


@task("swift.tsum")
def tsum(numbers):
    return sum(numbers)


@task("swift.echo")
def echo(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


@task("swift.sleep")
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@task("swift.fail")
def fail(message):
    raise ValueError(message)


@task("swift.flaky", bind=True, max_retries=None)
def flaky(self, times):
    tries = self.request.retries + 1
    if tries < times:
        raise self.retry(countdown=0)
    return tries
