"""Servers and workers for the live tests.

`bed` is a broker with a Swift worker on the queue `swift` and a Python app that calls it: made once for each module,
and on both brokers, unless the test is marked with `@only("redis")` or `@only("rabbitmq")`. `new_redis` and
`new_rabbitmq` make servers with settings of their own, for one test. `interop/README.md` says how to run a part.
"""
import contextlib
import signal

import pytest

from fleet import servers
from live.bed import KINDS, Bed

MAKERS = {"redis": lambda: servers.Redis(persistent=True), "rabbitmq": servers.RabbitMQ}


def pytest_addoption(parser):
    parser.addoption("--broker", choices=KINDS, help="only tests on this one")


def pytest_configure(config):
    def leave(number, _frame):
        raise KeyboardInterrupt

    # As Ctrl-C does: servers and workers are ended.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--broker")
    chosen, others = [], []
    for item in items:
        kind = item.callspec.params.get("broker") if hasattr(item, "callspec") else None
        kinds = [mark.args[0] for mark in item.iter_markers("only")]
        fits = kind is None or (not kinds or kind in kinds) and wanted in (None, kind)
        (chosen if fits else others).append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = chosen


@pytest.fixture(scope="session")
def server_of():
    """Gives the session's server of a kind, which starts when it is first needed."""
    running = {}
    with contextlib.ExitStack() as stack:
        def server(kind):
            if kind not in running:
                running[kind] = stack.enter_context(MAKERS[kind]())
            return running[kind]
        yield server


@pytest.fixture(scope="module", params=KINDS)
def broker(request):
    """The kind of the broker."""
    return request.param


@pytest.fixture(scope="module")
def bed(broker, server_of):
    with contextlib.closing(Bed(broker, server_of(broker))) as made:
        yield made


@pytest.fixture
def new_redis():
    """Starts a Redis for this test alone: `new_redis(persistent=True, arguments=["--timeout", "1"])`."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(servers.Redis(**settings))


@pytest.fixture
def new_rabbitmq():
    """Starts a RabbitMQ for this test alone: `new_rabbitmq(configuration="max_message_size = 10000\\n")`."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(servers.RabbitMQ(**settings))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Whatever a test does, the Swift worker of its bed must survive it."""
    bed = item.funcargs.get("bed")
    try:
        outcome = yield
        if bed and not bed.swift.is_running:
            pytest.fail(f"the Swift worker has ended\n{bed.swift.log()[-4000:]}", pytrace=False)
        return outcome
    finally:
        if bed and not bed.swift.is_running:
            bed.swift.start().wait_until_ready()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the Swift worker said last."""
    report = yield
    bed = getattr(item, "funcargs", {}).get("bed")
    if bed and report.failed:
        report.sections.append(("log of the Swift worker", bed.swift.log()[-3000:]))
    return report
