"""Makes pytest run Celery's integration suite, none of whose files is changed, against a worker of another process.

The suite's conftest.py imports the fixture of its worker from `celery.contrib.pytest`; pytest loads this before that. The
environment says what is wanted:

    CONFORMANCE_LANGUAGE   swift or python
    CONFORMANCE_SETUP      redis, rabbitmq or rpc
    CONFORMANCE_OUTCOMES   the file that gets a line of JSON for each test
    CONFORMANCE_LOG        where the worker's log is left
    CONFORMANCE_SHORT      not empty for the short selection
"""
import json
import os
import signal
import time

import celery.contrib.pytest as celery_fixtures
import pytest
from celery.backends.asynchronous import AsyncBackendMixin
from celery.contrib.testing import worker as embedded
from celery.contrib.testing.manager import ManagerMixin

from suite import expected, selection, stand_ins
from suite.session_worker import SessionWorker

FOLDER = "t/integration/"
LANGUAGE, SETUP = os.environ["CONFORMANCE_LANGUAGE"], os.environ["CONFORMANCE_SETUP"]


class Session:
    """What this run of pytest is about."""

    worker = None
    # Why the test that runs must end now, if it must.
    deadline = None


@pytest.fixture(scope="session")
def celery_session_worker(celery_session_app, celery_includes, celery_class_tasks):
    for module in celery_includes:
        celery_session_app.loader.import_task_module(module)
    for task in celery_class_tasks:
        celery_session_app.register_task(task)
    celery_session_app.finalize()
    with SessionWorker(celery_session_app, LANGUAGE) as worker:
        Session.worker = worker.wait_until_ready()
        try:
            yield worker
        finally:
            Session.worker = None
            worker.save_log(os.environ["CONFORMANCE_LOG"])


def no_embedded_worker(*_, **__):
    raise RuntimeError("a test wants a Python worker within this process")


def wait_until_idle(_manager):
    """In place of asking a worker by remote control, which the suite does after each test."""
    worker = Session.worker
    if worker is not None and worker.is_running and not worker.wait_until_idle():
        worker.replace()


def wait_for_pending(backend, result, on_interval=None, **options):
    """Celery's client looks at the parents of a result, then at the result, and from then on at both. Where a parent and the
    result fail between its first two looks, it raises what the result says, a ChordError, and not what the parent does: the
    tests expect that of the parent. A fast worker is within that time now and then; so there is one more look."""
    yield from waiting(backend, result, on_interval=on_interval, **options)
    if on_interval is not None:
        on_interval()


waiting = AsyncBackendMixin._wait_for_pending
celery_fixtures.celery_session_worker = celery_session_worker
embedded.start_worker = no_embedded_worker
ManagerMixin.wait_until_idle = wait_until_idle
AsyncBackendMixin._wait_for_pending = wait_for_pending


# Which tests.

# Without what it needs, pytest cannot even say which tests it has.
NOT_IMPORTABLE = {"test_backend.py", "test_database_backend.py"}


def short(nodeid):
    return nodeid.removeprefix(FOLDER)


def reason_against(test):
    """Why a test, or a file as a whole, does not run; None if it does."""
    return expected.reason(expected.LEFT_OUT, test, SETUP)


def is_aside(test):
    return expected.reason(expected.ASIDE, test, SETUP) is not None


def pytest_ignore_collect(collection_path):
    reason = collection_path.name in NOT_IMPORTABLE and reason_against(collection_path.name)
    if not reason:
        return None
    note(collection_path.name, "deselected", reason=reason)
    return True


def pytest_collection_modifyitems(config, items):
    reasons = {item: reason_against(short(item.nodeid)) for item in items}
    if os.environ.get("CONFORMANCE_SHORT"):
        tests = [short(item.nodeid) for item in items if reasons[item] is None]
        wanted = selection.short([test for test in tests if not is_aside(test)])
        for item in items:
            if short(item.nodeid) not in wanted:
                reasons[item] = reasons[item] or selection.NOT_SHORT
    for item, reason in reasons.items():
        if reason:
            note(short(item.nodeid), "deselected", reason=reason)
    chosen = [item for item in items if not reasons[item]]
    others = [item for item in items if reasons[item]]
    chosen.sort(key=lambda item: selection.place(short(item.nodeid), is_aside(short(item.nodeid))))
    items[:] = chosen
    if others:
        config.hook.pytest_deselected(items=others)


# What becomes of them.

def note(name, outcome, seconds=0.0, reason=""):
    with open(os.environ["CONFORMANCE_OUTCOMES"], "a") as file:
        line = {"test": name, "outcome": outcome, "seconds": round(seconds, 2), "reason": " ".join(reason.split())[:400]}
        file.write(json.dumps(line) + "\n")


def pytest_collectreport(report):
    # A file that is skipped as a whole, or cannot be read.
    if report.outcome != "passed":
        note(short(report.nodeid), report.outcome, reason=Outcome.text(report))


def watch(_number, _frame):
    """Ends a test that takes too long or whose worker has ended; again each time, because subtests go on after it."""
    if Session.deadline is None:
        return
    if Session.worker is not None and Session.worker.has_ended:
        pytest.fail("the worker has ended")
    if time.monotonic() > Session.deadline:
        pytest.fail("it takes too long")


signal.signal(signal.SIGALRM, watch)
# A shell lets what it runs in the background ignore this one; it is how a run is told to end.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    worker = Session.worker
    if worker is not None and not worker.is_running:
        worker.replace()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    name = short(item.nodeid)
    Session.deadline = time.monotonic() + selection.seconds(name)
    signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
    try:
        with stand_ins.active(name, Session.worker):
            return (yield)
    finally:
        Session.deadline = None
        signal.setitimer(signal.ITIMER_REAL, 0)


class Outcome:
    """Of the test that runs, as its reports come: of setting up, of running, of each subtest, and of tearing down."""

    def __init__(self):
        self.kind, self.seconds, self.reason = "passed", 0.0, ""

    def take(self, report):
        is_expected = hasattr(report, "wasxfail")
        if getattr(report, "context", None) is None:
            self.seconds += report.duration
        if report.failed:
            self.kind, self.reason = "failed", self.reason or self.text(report)
        elif report.skipped and self.kind == "passed":
            self.kind = "xfailed" if is_expected else "skipped"
            self.reason = report.wasxfail if is_expected else self.text(report)
        elif is_expected and report.when == "call" and self.kind == "passed":
            self.kind, self.reason = "xpassed", report.wasxfail

    @staticmethod
    def text(report):
        about = report.longrepr
        if isinstance(about, tuple):
            return about[2]
        crash = getattr(about, "reprcrash", None)
        prefix = "" if report.when == "call" else f"{report.when}: "
        return prefix + (crash.message if crash else str(about))


outcomes = {}


def pytest_runtest_logstart(nodeid):
    outcomes[nodeid] = Outcome()


def pytest_runtest_logreport(report):
    outcomes[report.nodeid].take(report)


def pytest_runtest_logfinish(nodeid):
    outcome = outcomes.pop(nodeid)
    note(short(nodeid), outcome.kind, outcome.seconds, outcome.reason)
    if outcome.kind == "failed":
        # Nothing of it may be left for the next one.
        wait_until_idle(None)
