"""The app of a Python worker for the suite: what its own worker, a thread of pytest, would have been configured with.

    celery -A suite.python_app worker -P prefork -c 1
"""
import os

from celery import Celery
from celery.contrib.testing.app import DEFAULT_TEST_CONFIG

app = Celery("celery.tests", set_as_current=True)
app.conf.update({
    **DEFAULT_TEST_CONFIG,
    "broker_url": os.environ["CELERY_BROKER_URL"],
    "result_backend": os.environ["CELERY_RESULT_BACKEND"],
    "result_extended": True,
    "task_create_missing_queues": False,
})
app.set_default()

from t.integration.tasks import ClassBasedAutoRetryTask  # noqa: E402  (its tasks become those of the app)

app.register_task(ClassBasedAutoRetryTask)
