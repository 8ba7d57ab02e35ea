"""One trace goes from Python through Swift to Python, as Python's own instrumentation would write it."""
import json
import os

from fleet import workers
from live.bed import eventually

# Each span with its parent: what a Python worker alone would have, too.
SPANS = {
    "run/traced.start": None,
    "apply_async/swift.relay": "run/traced.start",
    "run/swift.relay": "apply_async/swift.relay",
    # The first try of the relay is tried again.
    "apply_async/swift.relay 2": "run/swift.relay",
    "run/swift.relay 2": "apply_async/swift.relay 2",
    "apply_async/traced.leaf": "run/swift.relay 2",
    "run/traced.leaf": "apply_async/traced.leaf",
    "apply_async/swift.mul": "run/traced.start",
    "run/swift.mul": "apply_async/swift.mul",
    "apply_async/traced.end": "run/swift.mul",
    "run/traced.end": "apply_async/traced.end",
}
# What Python's instrumentation says of a task, whoever runs it.
ATTRIBUTES = {"celery.action", "celery.task_name", "messaging.message.id", "messaging.destination"}


class WatchedWorker(workers.Worker):
    """The Swift worker with metrics and traces."""

    ready = workers.SwiftWorker.ready

    def __init__(self, broker, backend, spans):
        program = os.path.join(os.path.dirname(workers.swift_binary()), "watched-worker")
        super().__init__(
            [program, "-Q", "watched", "-c", "1"], {**workers.addresses(broker, backend), "WATCHED_SPANS": spans},
            "watched")


def read(*paths):
    spans = []
    for path in paths:
        if os.path.exists(path):
            with open(path) as file:
                spans += [json.loads(line) for line in file.read().split("\n")[:-1]]
    return spans


def named(spans):
    """The spans by name; a name that comes again, in a retry of the one before, is numbered."""
    found, by_id = {}, {span["span"]: span for span in spans}

    def depth(span):
        return 1 + depth(by_id[span["parent"]]) if span["parent"] in by_id else 0

    for span in sorted(spans, key=depth):
        name = span["name"]
        found[f"{name} 2" if name in found else name] = span
    return found


def test_a_trace_crosses_python_and_swift(broker, server_of, tmp_path):
    address = server_of(broker).url
    backend = address if broker == "redis" else "rpc://"
    swift_spans, python_spans = str(tmp_path / "swift"), str(tmp_path / "python")
    python = workers.PythonWorker(
        address, backend, ["traced"], "traced", app="fleet.traced_app", arguments=("--pool", "solo"),
        environment={"TRACED_SPANS": python_spans})
    with WatchedWorker(address, backend, swift_spans) as swift, python:
        swift.wait_until_ready()
        python.wait_until_ready()
        send(address, backend)
        eventually(lambda: len(read(swift_spans, python_spans)) >= len(SPANS), "all spans")
        assert swift.stop() == 0
    spans = named(read(swift_spans, python_spans))
    parents = {span["span"]: name for name, span in spans.items()}
    assert {name: parents.get(span["parent"]) for name, span in spans.items()} == SPANS
    assert len({span["trace"] for span in spans.values()}) == 1
    assert {name.partition("/")[0]: span["kind"] for name, span in spans.items()} == {
        "apply_async": "producer", "run": "consumer"}
    for name, span in spans.items():
        assert set(span["attributes"]) >= ATTRIBUTES, name
    for attribute, value in {"tenant": "north", "celery.state": "SUCCESS"}.items():
        assert spans["run/traced.leaf"]["attributes"][attribute] == value
    assert spans["run/traced.end"]["attributes"]["product"] == "42"
    assert spans["run/swift.mul"]["attributes"]["celery.state"] == "SUCCESS"


def send(broker, backend):
    """Starts it all, from an app that writes no spans."""
    from celery import Celery

    with Celery("starter", broker=broker, backend=backend) as app:
        app.send_task("traced.start", queue="traced")
