"""Messages with which several things are wrong at once: the task cannot be run or fails, what should follow it cannot be
sent, and nobody can be told."""
import json
import math

LONG = "ü" * 300
# What a signature's options may hold; some of it can be sent.
OPTIONS = [
    {}, {"queue": "elsewhere"}, {"queue": "q" * 300}, {"queue": "unacked_index"}, {"queue": "a\n\x1b[31m\u202eb"},
    {"exchange": "nobody is bound", "routing_key": "x" * 200}, {"exchange": "e" * 300, "routing_key": LONG},
    {"headers": {"x": math.nan}}, {"time_limit": math.nan}, {"eta": "tomorrow " * 100}, {"expires": []},
    {"countdown": 1e300}, {"reply_to": LONG}, {"stamped_headers": ["a"], "a": math.nan}, {"priority": 2**40},
]
# (task, arguments)
TASKS = [
    ("swift.add", [2, 3]), ("swift.add", ["x" * 3000]), ("swift.fail", ["no\nluck " * 300]), ("swift.fail", ["no luck"]),
    ("swift.flaky", [2]), ("swift.unknown." + "n" * 300, []),
]
HEADERS = [
    {}, {}, {"root_id": "r" * 1000}, {"retries": 3}, {"expires": "2001-01-01T00:00:00"}, {"eta": "tomorrow " * 100},
    {"group": "g" * 1000}, {"ignore_result": True}, {"origin": LONG}, {"parent_id": 5},
]


def signature(generator):
    """Of a task that is to follow; a few are none."""
    if generator.random() < 0.05:
        return generator.choice([5, {"task": None}, {"task": "t" * 1000, "subtask_type": "group"}])
    options = {}
    for _ in range(generator.choice([1, 1, 2, 3])):
        options.update(generator.choice(OPTIONS))
    if generator.random() < 0.5:
        options["task_id"] = generator.choice(["i" * 1000, f"{generator.getrandbits(64):x}"])
    return {"task": generator.choice(["swift.add", "x" * 500]), "args": [1], "kwargs": {}, "options": options}


def combined(generator):
    """(name, changes of headers, changes of properties, body as bytes)"""
    task, arguments = generator.choice(TASKS)
    embed = {
        name: [signature(generator) for _ in range(generator.choice([0, 1, 1, 3, 20]))]
        for name in ["callbacks", "errbacks", "chain"]}
    headers = {"task": task, **generator.choice(HEADERS), **generator.choice(HEADERS)}
    properties = generator.choice([{}, {"reply_to": LONG}, {"reply_to": LONG}, {"correlation_id": LONG}])
    body = json.dumps([arguments, {}, embed])
    return f"{task[:20]} with several faults", headers, properties, body.encode()
