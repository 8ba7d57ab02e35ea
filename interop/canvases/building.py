"""Makes Celery's signatures of descriptions of canvases; `peer/CanvasReader.swift` does the same in Swift.

A description is JSON. What it says is how a canvas is built, not what it becomes:

    {"kind": "task", "name": "canvas.add", "label": 7, "args": [1], "kwargs": {"n": 2}, "immutable": true}
    {"kind": "chain", "parts": [...]}                   one after the other, joined by `|`
    {"kind": "group", "parts": [...]}
    {"kind": "chord", "parts": [...], "body": ...}
    {"kind": "map", "label": 8, "items": [1, 2]}        also `starmap`, and `chunks` with "size"

Each may also have "options", "link" and "link_error" (lists of descriptions), "stamps", and "immutable".
A task gets to know for which run it notes its calls, and under which label, by the keyword argument `note`.
"""
from celery import chain, chord, group
from celery.canvas import chunks, xmap, xstarmap


def build(app, description, run):
    """The canvas of a description; `run` is where its tasks note their calls."""
    canvas = KINDS[description["kind"]](app, description, run)
    if description.get("options"):
        canvas.set(**description["options"])
    if description.get("immutable"):
        canvas.set_immutable(True)
    for callback in description.get("link", []):
        canvas.link(build(app, callback, run))
    for errback in description.get("link_error", []):
        canvas.link_error(build(app, errback, run))
    if description.get("stamps"):
        canvas.stamp(**description["stamps"])
    return canvas


def _all(app, descriptions, run):
    return [build(app, each, run) for each in descriptions]


def _task(app, description, run):
    kwargs = {**description.get("kwargs", {}), "note": [run, description["label"]]}
    return app.signature(description["name"], tuple(description.get("args", ())), kwargs)


def _chain(app, description, run):
    return chain(_all(app, description["parts"], run))


def _group(app, description, run):
    return group(_all(app, description["parts"], run), app=app)


def _chord(app, description, run):
    return chord(_all(app, description["parts"], run), build(app, description["body"], run), app=app)


def _items(description, run):
    return [[run, f"{description['label']}:{item}", item] for item in description["items"]]


def _map(app, description, run):
    return xmap(app.signature("canvas.item"), _items(description, run), app=app)


def _starmap(app, description, run):
    return xstarmap(app.signature("canvas.spread"), _items(description, run), app=app)


def _chunks(app, description, run):
    return chunks(app.signature("canvas.spread"), _items(description, run), description["size"], app=app)


KINDS = {"task": _task, "chain": _chain, "group": _group, "chord": _chord, "map": _map, "starmap": _starmap,
         "chunks": _chunks}
