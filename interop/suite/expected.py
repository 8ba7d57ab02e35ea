"""The failures that are expected, each with its reason: expected.toml.

    [[failure]]
    test = "test_canvas.py::test_chord::test_generator"    a test, with or without its parameters
    reason = "…"
    setups = ["rpc"]                                       all of them unless it says which
    worker = "python"                                      swift unless it says so
"""
import functools
import os
import tomllib

from suite import selection, session_worker


@functools.cache
def entries():
    with open(os.path.join(os.path.dirname(__file__), "expected.toml"), "rb") as file:
        return tomllib.load(file).get("failure", [])


def reason(test, setup, language):
    """Why this test is expected to fail; None if it is not."""
    for entry in entries():
        if entry["test"] in selection.names(test) and setup in entry.get("setups", [setup]) \
                and language == entry.get("worker", session_worker.SWIFT):
            return entry["reason"]
    return None
