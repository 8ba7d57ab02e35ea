"""What is known of the suite's tests beforehand, each with its reason: expected.toml.

    [[left_out]]                 do not run
    [[failure]]                  run, and fail
    [[aside]]                    run, and would pass with any worker: they have nothing to do with it
    reason = "…"
    tests = ["test_canvas.py::test_chord::test_generator"]
    setups = ["rpc"]             all of them unless it says which

Tests are named as pytest names them, without the folder. What is said of a file, of a class or of a test without its
parameters is said of all that is in it; the longest name that fits counts.
"""
import functools
import os
import tomllib

LEFT_OUT, FAILURE, ASIDE = "left_out", "failure", "aside"


@functools.cache
def entries():
    with open(os.path.join(os.path.dirname(__file__), "expected.toml"), "rb") as file:
        return tomllib.load(file)


def names(test):
    """The names by which a test may be meant, the longest first."""
    yield test
    # A parameter may have colons in it.
    test = test.partition("[")[0]
    while True:
        yield test
        test, colons, _ = test.rpartition("::")
        if not colons:
            return


def kind(test, setup):
    """What is known of this test or file, and why; (None, None) if nothing is."""
    for name in names(test):
        for kind in (LEFT_OUT, FAILURE, ASIDE):
            for entry in entries().get(kind, []):
                if name in entry["tests"] and setup in entry.get("setups", [setup]):
                    return kind, entry["reason"]
    return None, None


def reason(wanted, test, setup):
    """Why this is what is known of the test; None if it is not."""
    found, why = kind(test, setup)
    return why if found == wanted else None


def unknown(tests):
    """The entries that mean none of the suite's tests, given all of them."""
    meant = {name for test in tests for name in names(test)}
    return [name for kind in entries().values() for entry in kind for name in entry["tests"] if name not in meant]
