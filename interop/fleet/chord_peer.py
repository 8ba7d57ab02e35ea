"""Celery's own Redis backend for the Swift tests of chords: reads one order per line, as JSON, and answers likewise.

    {"do": "part", "group": "g", "id": "a", "index": 0, "state": "SUCCESS", "result": 1}

`part` is what a worker of 5.7 does when a task of a header has ended, `old_part` what those up to 5.6 do. Bodies that are
sent go to the queue `celery` of the same database. The answer to an order is what it returns, or its error as text.
"""
import base64
import json
import sys

from celery import Celery, signature
from celery.app.task import Context
from celery.backends.redis import RedisBackend
from celery.result import GroupResult

app = Celery("chords", broker=sys.argv[1], backend=sys.argv[1])
app.conf.update(task_publish_retry=False, broker_connection_timeout=4)


def body(group):
    return signature("body", options={"task_id": f"body-{group}"}, app=app)


def request(order):
    return Context(id=order["id"], group=order["group"], group_index=order["index"], chord=dict(body(order["group"])))


def value(order):
    return ValueError(order["result"]) if order["state"] == "FAILURE" else order["result"]


def part(order):
    app.backend.on_chord_part_return(request(order), order["state"], value(order))
    return bodies(order)


def old_part(order):
    """The algorithm of 5.2 to 5.6: no claim, and nobody notes what is counted."""
    backend, group = app.backend, order["group"]
    keys = {name: backend.get_key_for_group(group, f".{name}") for name in "jts"}
    result = backend.encode_result(value(order), order["state"])
    encoded = backend.encode([1, order["id"], order["state"], result])
    index = "+inf" if order["index"] is None else order["index"]
    with backend.client.pipeline() as pipe:
        pipe.zadd(keys["j"], {encoded: index}).zcount(keys["j"], "-inf", "+inf").get(keys["t"]).get(keys["s"])
        for name in "jts":
            pipe.expire(keys[name], 86400)
        _, ready, growth, size = pipe.execute()[:4]
    if size and ready == int(size) + int(growth or 0):
        unpack = RedisBackend._unpack_chord_result
        results = [unpack(backend, kept, backend.decode) for kept in backend.client.zrange(keys["j"], 0, -1)]
        body(group).delay(results)
        backend.client.delete(*keys.values())
    return bodies(order)


def bodies(order):
    """The arguments of the bodies that were sent, by anybody."""
    texts = app.backend.client.lrange("celery", 0, -1)
    return [json.loads(base64.b64decode(json.loads(text)["body"]))[0] for text in reversed(texts)]


def open_chord(order):
    app.backend.set_chord_size(order["group"], order["size"])


def save(order):
    results = [app.AsyncResult(name) for name in order["ids"]]
    GroupResult(order["group"], results, app=app).save()


def restore(order):
    group = GroupResult.restore(order["group"], app=app)
    return group and group.as_tuple()


def join(order):
    return GroupResult.restore(order["group"], app=app).get(timeout=10)


def state(order):
    result = app.AsyncResult(order["id"])
    return [result.state, str(result.result)]


orders = {
    name: globals()[name] for name in ["part", "old_part", "bodies", "open_chord", "save", "restore", "join", "state"]}
for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = {"answer": orders[order["do"]](order)}
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
