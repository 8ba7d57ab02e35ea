"""The app of Python workers with a broadcast queue, `news`, beside their own: every worker runs what is sent to it.

A worker consumes it with `-Q news,python`. `swift.add` is a task of this app too, so that workers of both languages can run it.
"""
from kombu import Queue
from kombu.common import Broadcast

from fleet.python_app import add, app

app.conf.task_queues = [Broadcast("news"), Queue("python", routing_key="python"), Queue("swift", routing_key="swift")]
app.task(name="swift.add")(add.run)
