"""Records what Celery makes of canvases: their signatures, the messages that a client sends, and those that workers
send one after another until all is done. Nothing is sent: producer and result backend only take notes.

    python canvas_capture.py FOLDER             writes FOLDER/canvas/celery-<version>.json, of 5.7 also composed-<version>.json
    python canvas_capture.py FOLDER --follow    adds to the files of older versions what workers of this one do
"""
import copy
import datetime
import json
import os
import platform
import sys
import warnings
from collections import deque

# Before Celery is imported.
from made_up import ids  # noqa: E402

warnings.simplefilter("ignore")

import celery  # noqa: E402
import kombu  # noqa: E402
from celery import Celery, canvas, chain, chord, group, signature  # noqa: E402
from celery.app import trace  # noqa: E402
from celery.backends.redis import RedisBackend  # noqa: E402
from celery.canvas import _chain, chunks, maybe_signature, xmap, xstarmap  # noqa: E402
from celery.result import GroupResult  # noqa: E402
from kombu.utils.json import dumps  # noqa: E402

import canvas_cases  # noqa: E402

VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
COMPLETE = VERSION >= (5, 7)
REFUSED = {case.name for case in canvas_cases.REFUSED}
REPLY_TO = "the-senders-queue"
# Flows end here, whatever is left: a replaced task replaces itself again, say.
MOST_MESSAGES = 60


def plain(value):
    """A value as it is on the wire."""
    return json.loads(dumps(value))


class Notes(RedisBackend):
    """A result backend that does nothing but keep notes, and joins chords."""

    def begin(self):
        self.steps, self.children = [], None
        self.sizes, self.parts, self.joined = {}, {}, []

    def take(self):
        steps, self.steps = self.steps, []
        return steps

    def on_task_call(self, producer, task_id):
        return {}

    def add_pending_result(self, result, *args, **kwargs):
        return result

    def add_pending_results(self, results, *args, **kwargs):
        return results

    def remove_pending_result(self, result):
        return result

    def set_chord_size(self, group_id, chord_size):
        self.sizes[group_id] = chord_size
        self.steps.append({"size": [group_id, chord_size]})

    def apply_chord(self, header_result_args, body, **kwargs):
        header = self.app.GroupResult(*header_result_args)
        if any(isinstance(result, GroupResult) for result in header.results):
            self.steps.append({"save": plain(header.as_tuple())})

    def add_to_chord(self, group_id, result):
        self.sizes[group_id] += 1
        self.steps.append({"grow": group_id})

    def store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
        if request is not None and state == "SUCCESS":
            self.children = plain(self.current_task_children(request))

    def on_chord_part_return(self, request, state, result, **kwargs):
        if not request.group or not request.chord:
            return
        parts = self.parts.setdefault(request.group, [])
        parts.append((request.group_index, result))
        if len(parts) == self.sizes.get(request.group):
            results = [result for _, result in sorted(parts, key=lambda part: part[0])]
            self.before_join = self.take()
            maybe_signature(request.chord, app=self.app).delay(results)
            self.joined.append({"results": results, "steps": self.take()})

    def get_state(self, task_id):
        return "PENDING"

    def process_cleanup(self):
        pass


class Name:
    """Makes signatures of a task that is known by its name only."""

    def __init__(self, app, name):
        self.app, self.name = app, name

    def s(self, *args, **kwargs):
        return signature(self.name, args, kwargs, app=self.app)

    def si(self, *args, **kwargs):
        return signature(self.name, args, kwargs, immutable=True, app=self.app)

    def map(self, items):
        return xmap(self.s(), items, app=self.app)

    def starmap(self, items):
        return xstarmap(self.s(), items, app=self.app)

    def chunks(self, items, size):
        return chunks(self.s(), items, size, app=self.app)


def linked(sig, *callbacks):
    for callback in callbacks:
        sig.link(callback)
    return sig


def failing(sig, *errbacks):
    for errback in errbacks:
        sig.link_error(errback)
    return sig


def stamped(sig, append_stamps=False, **stamps):
    sig.stamp(append_stamps=append_stamps, **stamps)
    return sig


class Visitor(getattr(canvas, "StampingVisitor", object)):
    """Says of each part what it is, and of a task also which stamps it has from the parts around it."""

    def on_signature(self, sig, **headers):
        return {"task": sig.task, "around": ",".join(sorted(set(headers) - {"stamped_headers"}))}

    def on_chain_start(self, chain, **headers):
        return {"in_chain": len(chain.tasks)}

    def on_group_start(self, group, **headers):
        return {"in_group": len(group.tasks)}

    def on_chord_body(self, chord, **headers):
        return {"of_body": [1]}

    def on_callback(self, callback, **headers):
        return {"called_back": callback.task}

    def on_errback(self, errback, **headers):
        # Another value than a stamp: it is an option.
        return {"told": errback.task, "note": 1, "stamped_headers": ["told"]}


def visited(sig, append_stamps=False, **stamps):
    sig.stamp(Visitor(), append_stamps=append_stamps, **stamps)
    return sig


def immutable(sig):
    sig.set_immutable(True)
    return sig


def called(args=(), kwargs={}, **options):
    return args, kwargs, options


class Sender:
    """An app whose messages are written down."""

    def __init__(self, config):
        self.app = app = Celery("canvas", broker="memory://", set_as_current=True)
        app.conf.update(config)
        app.__dict__["oid"] = REPLY_TO
        if hasattr(app, "_local"):
            app._local.oid = REPLY_TO
        self.backend = Notes(app=app, url="redis://127.0.0.1:1/0")
        self.backend.begin()
        app._local.backend = self.backend
        app.__dict__["backend"] = self.backend
        make, self.times = app.amqp.create_task_message, {}

        def create_task_message(task_id, name, args=None, kwargs=None, countdown=None, eta=None, group_id=None,
                                group_index=None, expires=None, *more, **options):
            self.times[task_id] = {"countdown": countdown, "eta": eta, "expires": expires}
            return make(task_id, name, args, kwargs, countdown, eta, group_id, group_index, expires, *more, **options)

        app.amqp.__dict__["create_task_message"] = create_task_message
        app.amqp.__dict__["send_task_message"] = self.send
        self.names = {name: Name(app, "swift." + name) for name in ("add", "mul", "tsum", "echo", "err")}
        self.names.update(
            chain=chain, _chain=_chain, chord=chord, group=group, linked=linked, failing=failing, stamped=stamped,
            visited=visited, immutable=immutable, plain=plain, called=called)

        def run(task, /, *args, **kwargs):
            """The task of every message, whatever its name."""
            if self.replacement is not None:
                raise task.replace(self.replacement)
            if self.extension is not None:
                task.add_to_chord(self.extension)
            return self.returned

        self.task = app.task(bind=True, name="capture.run", shared=False, ignore_result=False)(run)

    def build(self, code):
        self.app.set_current()
        return eval(code, dict(self.names))

    def send(self, producer, name, message, **options):
        headers, properties, body, _ = message
        args, kwargs, embed = plain(body)
        more = {}
        if headers.get("stamped_headers"):
            more["stamped_headers"] = sorted(headers["stamped_headers"])
            more["stamps"] = plain(headers["stamps"])
        options = {key: getattr(value, "name", value) for key, value in options.items() if value is not None}
        options.update({key: value for key, value in self.times.pop(headers["id"]).items() if value is not None})
        # What a registered task adds says nothing new.
        for key, value in {"queue": "celery", "serializer": "json"}.items():
            if options.get(key) == value:
                del options[key]
        options.pop("expiration", None)
        wanted = ("id", "task", "root_id", "parent_id", "group", "group_index", "retries", "timelimit", "shadow")
        message = {key: plain(headers.get(key)) for key in wanted}
        message["ignore_result"] = bool(headers.get("ignore_result"))
        message["replaced_task_nesting"] = headers.get("replaced_task_nesting", 0)
        message.update(reply_to=properties["reply_to"], **more, args=args, kwargs=kwargs, embed=embed,
                       options=plain(options))
        self.backend.steps.append({"send": message})


def work(sender, steps, case):
    """Runs what was sent as workers would, and what they send. Every task returns its number."""
    flow = []
    pending = deque(step["send"] for step in steps if "send" in step)
    while pending and len(flow) < MOST_MESSAGES:
        message = pending.popleft()
        number = len(flow)
        sender.returned = number
        sender.replacement = sender.build(case.replace[number]) if number in case.replace else None
        sender.extension = sender.build(case.extend[number]) if number in case.extend else None
        entry = {"runs": message["id"]}
        if sender.replacement is not None:
            entry["replaced_by"] = plain(sender.replacement)
        if sender.extension is not None:
            entry["extended_by"] = plain(sender.extension)
        backend = sender.backend
        backend.children, backend.joined, backend.before_join = None, [], None
        request = {key: copy.deepcopy(message[key]) for key in (
            "id", "task", "root_id", "parent_id", "group", "group_index", "retries", "timelimit", "reply_to",
            "replaced_task_nesting")}
        request.update(copy.deepcopy(message["embed"]))
        request.update(
            delivery_info={"priority": message["options"].get("priority", 0)}, ignore_result=message["ignore_result"],
            stamped_headers=message.get("stamped_headers"), stamps=message.get("stamps", {}))
        run = trace.build_tracer("capture.run", sender.task, app=sender.app)
        outcome = run(message["id"], message["args"], message["kwargs"], request)
        after = backend.take()
        if backend.joined:
            entry.update(steps=backend.before_join, joined=backend.joined[0])
            pending.extend(step["send"] for step in backend.joined[0]["steps"] if "send" in step)
        else:
            entry["steps"] = after
        pending.extend(step["send"] for step in entry["steps"] if "send" in step)
        if backend.children is not None:
            entry["children"] = backend.children
        if outcome[1] is not None and outcome[1].state == "FAILURE":
            if sender.replacement is None:
                raise RuntimeError(f"{message['task']} has failed: {outcome[1].retval}")
            entry["refused"] = str(outcome[1].retval)
        flow.append(entry)
    return flow


def capture(case):
    entry = {"name": case.name, "how": case.how}
    if case.config:
        entry["config"] = case.config
    sender = Sender(case.config)
    ids.begin(case.name)
    try:
        sig = sender.build(case.how)
        entry["signature"] = plain(sig)
        if case.frozen and VERSION >= (5, 7):
            ids.begin(case.name)
            frozen = sender.build(case.how)
            result = frozen.freeze()
            entry["frozen"] = {"signature": plain(frozen), "result": plain(result.as_tuple())}
            sender.backend.begin()
        ids.begin(case.name)
        sig = sender.build(case.how)
        args, kwargs, options = sender.build(f"called({case.call})")
        if case.call:
            entry["call"] = {"args": plain(args), "kwargs": plain(kwargs), "options": plain(options)}
        result = sig.apply_async(args, kwargs, **options)
        steps = sender.backend.take()
        if case.messages:
            entry["steps"] = steps
        entry["result"] = None if result is None else plain(result.as_tuple())
        if case.messages and (case in canvas_cases.REFUSED or VERSION >= (5, 7)):
            entry["flow"] = work(sender, steps, case)
    except Exception as error:
        entry["error"] = f"{type(error).__name__}: {error}"
        sender.backend.begin()
    return entry


def errbacks(name, how):
    """What a worker sends to the errbacks of a task that has failed."""
    sender = Sender({})
    ids.begin("errbacks " + name)
    found = plain(sender.build(how))

    class request:
        id, root_id, errbacks, delivery_info = "failed-id", "root-id", found, {}

    task = sender.task
    from celery._state import _task_stack
    task.push_request(id="failed-id", root_id="root-id", called_directly=False, children=[], delivery_info={})
    _task_stack.push(task)
    try:
        sender.backend._call_task_errbacks(request, ValueError("no luck"), None)
    finally:
        _task_stack.pop()
        task.pop_request()
    return {"name": name, "how": how, "errbacks": found, "steps": sender.backend.take()}


def path(folder, version, name="celery"):
    return os.path.join(folder, "canvas", f"{name}-{version}.json")


def head():
    return {"topic": "canvas", "celery": celery.__version__, "kombu": kombu.__version__,
            "python": platform.python_version(),
            "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def write(path, head, cases):
    if broken := [case["name"] for case in cases if "error" in case and case["name"] not in REFUSED]:
        raise RuntimeError(f"not sent: {', '.join(broken)}")
    with open(path, "w") as file:
        lines = ",\n".join(json.dumps(case) for case in cases)
        file.write(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


def follow(folder, version):
    """Runs what an older client sent as workers of this version do."""
    with open(path(folder, version)) as file:
        old = json.load(file)
    cases, by_name = old.pop("cases"), {case.name: case for case in canvas_cases.CASES}
    for entry in cases:
        sender = Sender({})
        ids.begin(entry["name"] + " followed")
        sender.backend.sizes.update(step["size"] for step in entry["steps"] if "size" in step)
        entry["flow"] = work(sender, entry["steps"], by_name[entry["name"]])
    write(path(folder, version), {**old, "followed_by": celery.__version__}, cases)


def main(folder):
    os.makedirs(os.path.join(folder, "canvas"), exist_ok=True)
    cases = [capture(case) for case in canvas_cases.CASES if COMPLETE or case.reads]
    if COMPLETE:
        cases += [capture(case) for case in canvas_cases.REFUSED]
        cases += [errbacks("errback", "[err.s()]"), errbacks("errbacks", "[err.s(), err.si('x')]"),
                  errbacks("errback-chain", "[err.s(1) | echo.s()]")]
        write(path(folder, celery.__version__, "composed"), head(), [capture(case) for case in canvas_cases.composed()])
    write(path(folder, celery.__version__), head(), cases)


if __name__ == "__main__":
    if sys.argv[2:] == ["--follow"]:
        for older in ("5.4.0", "5.2.7"):
            follow(sys.argv[1], older)
    else:
        main(sys.argv[1])
