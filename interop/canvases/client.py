"""The Python client of `interop/canvas`: sends the canvases whose descriptions it reads, one a line, and prints the tree of
results of each."""
import json
import os
import sys
import warnings

from celery import exceptions

from canvases.app import app
from canvases.building import build

warnings.simplefilter("ignore", exceptions.CPendingDeprecationWarning)


results = []


def send(order):
    try:
        result = build(app, order["canvas"], order["run"]).apply_async()
        # Those that nobody waits for need not be watched until the end.
        results.append(result)
        return {"tree": result.as_tuple() if result is not None else None}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps({"run": order["run"], **send(order)}), flush=True)
sys.stdout.flush()
os._exit(0)
