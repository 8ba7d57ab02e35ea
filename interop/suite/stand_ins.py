"""What a few tests look at in a worker that runs within pytest, made from what can be seen of one that does not.

    celery.worker.state.successful_requests     what the worker's log says
    the signal task_received                    each message that is put into the queue, as the broker shows it
"""
import contextlib

from celery.worker import state

from suite.tap import tapped

LOG = {
    "test_tasks.py::test_tasks::test_send_task_without_ignore_result_uses_task_ignore_result",
    "test_tasks.py::test_tasks::test_send_task_without_ignore_result_stores_result",
    "test_tasks.py::test_task_redis_result_backend::test_retry_preserves_ignore_result_false",
    "test_tasks.py::test_task_redis_result_backend::test_retry_preserves_ignore_result_true",
}
MESSAGES = ("test_canvas.py::test_stamping_mechanism", "test_tasks.py::test_task_replacement::test_replaced_task_nesting_level",
            "test_tasks.py::test_task_replacement::test_replaced_task_nesting_chain",
            "test_tasks.py::test_signal_bound_method_receivers")


@contextlib.contextmanager
def active(test, worker):
    """Has what this test needs."""
    with contextlib.ExitStack() as stack:
        if worker is not None and test in LOG:
            stack.enter_context(successes_of_log(worker))
        if worker is not None and test.startswith(MESSAGES):
            stack.enter_context(tapped(worker.app))
        yield


class Successes:
    def __init__(self, worker):
        self.worker = worker

    def __contains__(self, identifier):
        return self.worker.has_succeeded(identifier)


@contextlib.contextmanager
def successes_of_log(worker):
    before, state.successful_requests = state.successful_requests, Successes(worker)
    try:
        yield
    finally:
        state.successful_requests = before
