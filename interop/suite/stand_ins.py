"""What a few tests look at in a worker that runs within pytest, made from what can be seen of one that does not.

    celery.worker.state.successful_requests     what the worker's log says
    celery.worker.state.revoked_stamps          forgotten by a worker that is started anew
    os.getpid                                   that of the worker's process
    the signal task_received                    each message that is put into the queue, as the broker shows it
"""
import contextlib
import sys
from types import SimpleNamespace

from celery.worker import state

from suite.tap import tapped

LOG = {
    "test_tasks.py::test_tasks::test_send_task_without_ignore_result_uses_task_ignore_result",
    "test_tasks.py::test_tasks::test_send_task_without_ignore_result_stores_result",
    "test_tasks.py::test_task_redis_result_backend::test_retry_preserves_ignore_result_false",
    "test_tasks.py::test_task_redis_result_backend::test_retry_preserves_ignore_result_true",
}
STAMPS = {
    "test_tasks.py::test_tasks::test_revoked_by_headers_simple_canvas",
    "test_tasks.py::test_tasks::test_revoked_by_headers_complex_canvas",
}
PROCESS = {"test_inspect.py::test_Inspect::test_stats"}
MESSAGES = ("test_canvas.py::test_stamping_mechanism", "test_tasks.py::test_task_replacement::test_replaced_task_nesting_level",
            "test_tasks.py::test_task_replacement::test_replaced_task_nesting_chain",
            "test_tasks.py::test_signal_bound_method_receivers")


@contextlib.contextmanager
def active(test, worker):
    """Has what this test needs."""
    with contextlib.ExitStack() as stack:
        if worker is not None and test in LOG:
            stack.enter_context(replaced(state, "successful_requests", Successes(worker)))
        if worker is not None and test in STAMPS:
            stack.enter_context(replaced(state, "revoked_stamps", RevokedStamps(worker)))
        if worker is not None and test in PROCESS:
            module = SimpleNamespace(getpid=lambda: worker.process.pid)
            stack.enter_context(replaced(sys.modules["t.integration.test_inspect"], "os", module))
        if worker is not None and test.startswith(MESSAGES):
            stack.enter_context(tapped(worker.app))
        yield


class Successes:
    def __init__(self, worker):
        self.worker = worker

    def __contains__(self, identifier):
        return self.worker.has_succeeded(identifier)


class RevokedStamps:
    def __init__(self, worker):
        self.worker = worker

    def clear(self):
        self.worker.replace()


@contextlib.contextmanager
def replaced(module, name, value):
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
