"""An app as shops have it: four queues of different kinds, routes by pattern and by name, priorities.

The `swift.*` tasks are stand-ins for those that a Swift worker runs, for comparing what both send on. Addresses come from
CELERY_BROKER_URL and CELERY_RESULT_BACKEND.
"""
import json
import os

from celery import Celery
from kombu import Exchange, Queue

def add(x, y):
    return x + y


def total(numbers):
    return sum(numbers)


def pass_on(amount):
    return amount


TASKS = {"swift.add": add, "swift.tsum": total, "shop.bill": pass_on, "shop.other": pass_on, "media.render": pass_on}


def make_app(broker, backend):
    app = Celery("shop", broker=broker, backend=backend)
    app.conf.update(
        task_default_queue="main",
        task_queues=[
            Queue("main", Exchange("main"), routing_key="main"),
            Queue("fast", Exchange("fast"), routing_key="fast", queue_arguments={"x-queue-type": "quorum"}),
            Queue("billing", Exchange("billing"), routing_key="billing", max_priority=9, queue_arguments={
                "x-dead-letter-exchange": "dead", "x-message-ttl": 600_000}),
            Queue("media", Exchange("media", type="topic"), routing_key="media.#"),
        ],
        task_routes={
            "swift.*": {"queue": "fast"},
            "shop.bill": {"queue": "billing", "priority": 7},
            "media.*": {"queue": "media", "routing_key": "media.video"},
            "swift.tsum": "main",
        },
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        **json.loads(os.environ.get("CELERY_APP_CONFIG", "{}")))
    for name, function in TASKS.items():
        app.task(name=name)(function)
    return app


app = make_app(os.environ.get("CELERY_BROKER_URL"), os.environ.get("CELERY_RESULT_BACKEND"))
