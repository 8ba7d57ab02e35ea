"""The Python worker of `interop/canvas`: tasks that `peer/` has in Swift too, under the same names.

Each notes its calls in a Redis of its own, REDIS_HOST and REDIS_PORT, in the list that its argument `note` names.
"""
import builtins
import json
import os

import redis
from celery import Celery
from celery._state import _task_stack

from canvases.building import build

app = Celery("canvases", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(
    task_default_queue=os.environ.get("CANVAS_DEFAULT_QUEUE", "one"),
    broker_connection_retry_on_startup=True,
)
_notes = redis.Redis(os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"]))


def note_at(key, label, **more):
    _notes.rpush(key, json.dumps({"label": label, **more}))


def note_call(task, where, args, **more):
    request = task.request
    note_at(
        *where, id=request.id, args=list(args), retries=request.retries, root=request.root_id, parent=request.parent_id,
        group=request.group, index=request.group_index, nesting=request.replaced_task_nesting, stamps=request.stamps or {},
        stamped=sorted(request.stamped_headers or []), shadow=request.shadow, replies=bool(request.reply_to),
        limits=request.timelimit, priority=request.delivery_info.get("priority") or 0, headers=request.headers or {}, **more)


def raised(value, n):
    """The value with n added to each number in it."""
    if isinstance(value, list):
        return [raised(each, n) for each in value]
    return value + n if isinstance(value, int) else value


def total(value):
    """The sum of all numbers in the value."""
    if isinstance(value, list):
        return sum(map(total, value))
    return value if isinstance(value, int) else 0


@app.task(name="canvas.add", bind=True)
def add(self, *args, note, n=1):
    note_call(self, note, args)
    return raised(args[0] if args else 0, n)


@app.task(name="canvas.echo", bind=True)
def echo(self, *args, note):
    note_call(self, note, args)
    return list(args)


@app.task(name="canvas.total", bind=True)
def add_up(self, *args, note):
    # In whatever order they come.
    note_call(self, note, [total(list(args))])
    return total(list(args))


@app.task(name="canvas.nothing", bind=True)
def nothing(self, *args, note):
    note_call(self, note, args)


@app.task(name="canvas.fail", bind=True)
def fail(self, *args, note, error):
    note_call(self, note, args)
    raise getattr(builtins, error[0])(*error[1:])


@app.task(name="canvas.retry", bind=True)
def retry(self, *args, note, times, most):
    """Is tried again so many times, but `most` times at most."""
    note_call(self, note, args)
    if self.request.retries < times:
        raise self.retry(countdown=0, max_retries=most, exc=ValueError("again"))
    return raised(args[0] if args else 0, 1)


@app.task(name="canvas.replace", bind=True)
def replace(self, *args, note, canvas):
    note_call(self, note, args)
    raise self.replace(build(app, canvas, note[0]))


@app.task(name="canvas.extend", bind=True)
def extend(self, *args, note, canvas):
    """Has its chord wait for another canvas too."""
    note_call(self, note, args)
    self.add_to_chord(build(app, canvas, note[0]))
    return 1


@app.task(name="canvas.send", bind=True)
def send(self, *args, note, canvas):
    """Sends another canvas, and does not wait for it."""
    note_call(self, note, args)
    build(app, canvas, note[0]).apply_async()
    return raised(args[0] if args else 0, 1)


def mapped(key, label, value):
    # The request is that of the map.
    note_call(_task_stack.stack[-2], (key, label), [value])
    return raised(value, 1)


@app.task(name="canvas.item")
def item(triple):
    return mapped(*triple)


@app.task(name="canvas.spread")
def spread(key, label, value):
    return mapped(key, label, value)


@app.task(name="canvas.told", bind=True)
def told(self, failed=None, *, note):
    """An errback that is sent as a message."""
    note_call(self, note, [], failed=failed)
    return "told"


@app.task(name="canvas.failed")
def failed(request, exc, traceback, *, note):
    """An errback that is called where the task has failed."""
    note_at(*note, failed=request.id, error=[type(exc).__name__, *exc.args])
