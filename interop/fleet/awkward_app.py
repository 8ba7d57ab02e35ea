"""An app whose settings are awkward to write down: secrets, the order of routes, queues that are not durable, prints."""
from celery import Celery
from kombu import Exchange, Queue

print("this module talks")

app = Celery("awkward")
app.conf.update(
    task_default_queue="main",
    task_default_routing_key="main.default",
    task_queues=[
        Queue("main", Exchange("shop", "topic"), routing_key="main.#"),
        Queue("brief", Exchange("brief"), routing_key="brief", durable=False, message_ttl=0),
    ],
    task_routes={"zoo.token.*": "tokens", "media.video.*": "video", "media.*": "media", "*": "main"},
    broker_transport_options={
        "priority_steps": [0, 5], "sentinel_kwargs": {"password": "hush", "socket_timeout": 3}},
    result_backend_transport_options={"master": "redis://user:hush@localhost"},
    redis_password="hush",
    security_key="hush")
