"""Flower, as it comes from PyPI, watches and steers a Swift worker and a Python worker: over its API, and in a browser.

Its pages are kept as pictures in `.build/flower`.
"""
import ast
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest

from fleet import servers
from fleet.browser import Browser
from fleet.paths import INTEROP, ROOT
from live.bed import equal, eventually, matches

# Flower limits only tasks that its own app knows.
APP = """
from fleet.python_app import app

@app.task(name="swift.add")
def add(x, y=0):
    raise NotImplementedError
"""


class Flower:
    def __init__(self, bed, folder):
        port = servers.free_port()
        self.url = f"http://127.0.0.1:{port}"
        (folder / "flowered.py").write_text(APP)
        self.log = open(folder / "flower.log", "w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "flowered", "flower", f"--port={port}", "--address=127.0.0.1"],
            env={**os.environ, "CELERY_BROKER_URL": bed.broker, "CELERY_RESULT_BACKEND": bed.backend,
                 "FLOWER_UNAUTHENTICATED_API": "true", "PYTHONPATH": f"{folder}:{INTEROP}"},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        eventually(lambda: self.answer("/healthcheck")[0] == 200, "Flower answers", 60)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def answer(self, path, form=None):
        """The status and the text of an answer; 0 while nobody is there."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with urllib.request.urlopen(self.url + path, data, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def get(self, path):
        status, text = self.answer(path)
        equal(status, 200)
        return json.loads(text)

    def post(self, path, **form):
        """The status of an answer and what it says."""
        status, text = self.answer(path, form)
        return status, json.loads(text)["message"] if status == 200 else text


@pytest.fixture(scope="module")
def flower(bed, tmp_path_factory):
    # With two processes Python may tell that a task has succeeded before it tells that it is tried again.
    bed.python_worker(arguments=["-c", "1"])
    with Flower(bed, tmp_path_factory.mktemp("flower")) as flower:
        flower.nodes = eventually(lambda: nodes(flower), "Flower has heard both workers", 30)
        # Flower asks for events when it has come: tasks that are sent before are not seen.
        def is_told():
            one = bed.app.send_task("swift.echo")
            two = bed.app.send_task("python.echo")
            return eventually(lambda: {one.id, two.id} <= set(flower.get("/api/tasks")), "both are seen", 3)
        eventually(lambda: holds(is_told), "both workers tell of their tasks", 60)
        yield flower


def holds(condition):
    try:
        return condition()
    except AssertionError:
        return False


def nodes(flower):
    """The names of the workers by their language; nothing as long as one is missing."""
    found = {name.partition("@")[0]: name for name, about in flower.get("/api/workers?refresh=1").items() if "stats" in about}
    return found if len(found) == 2 else None


def test_what_flower_knows_of_workers(flower):
    about = flower.get("/api/workers?refresh=1")
    swift, python = (about[flower.nodes[language]] for language in ("swift", "python"))
    equal(set(swift), set(python))
    equal(set(swift["stats"]), set(python["stats"]))
    equal(set(swift["active_queues"][0]), set(python["active_queues"][0]))
    assert "swift.add" in swift["registered"]


def test_what_flower_knows_of_tasks(flower, bed):
    calls = {"add": ([1, 2], "SUCCESS"), "fail": (["no"], "FAILURE"), "flaky": ([2], "SUCCESS")}
    for task, (arguments, state) in calls.items():
        sent = [bed.app.send_task(f"{language}.{task}", arguments).id for language in ("swift", "python")]

        def ended():
            known = flower.get("/api/tasks")
            both = [known[one] for one in sent if known.get(one, {}).get("state") == state]
            return both if len(both) == 2 else None
        swift, python = eventually(ended, f"{task} has ended", 20)
        # What is set, and what is not.
        equal({key for key, value in swift.items() if value is None}, {key for key, value in python.items() if value is None})
        equal((swift["worker"], swift["name"]), (flower.nodes["swift"], f"swift.{task}"))
        for key in ("kwargs", "retries", "result") + (("exception",) if state == "FAILURE" else ()):
            # For a retry without a reason Python tells the exception `None`, Swift the retry.
            equal(swift[key], python[key])
        # Python sends a list with a retry, a tuple otherwise.
        equal(*(list(ast.literal_eval(one["args"])) for one in (swift, python)))


@pytest.fixture(scope="module")
def browser():
    subprocess.run([os.path.join(INTEROP, "setup"), "--package", "chromium"], check=True, stdout=subprocess.DEVNULL)
    with Browser() as browser:
        yield browser


def test_pages_and_buttons_in_a_browser(flower, bed, browser):
    pictures = os.path.join(ROOT, ".build", "flower")
    os.makedirs(pictures, exist_ok=True)
    node = flower.nodes["swift"]
    running = bed.send("sleep", 600)
    done = bed.send("add", 20, 22)
    eventually(lambda: flower.get("/api/tasks").get(done.id, {}).get("state") == "SUCCESS", "one has ended", 20)
    eventually(lambda: flower.get("/api/tasks").get(running.id, {}).get("state") == "STARTED", "one runs", 20)

    def shot(name):
        browser.screenshot(os.path.join(pictures, f"{bed.kind}-{name}.png"))

    def press(button, words):
        """Presses it, and waits for what Flower says."""
        browser.run("document.querySelectorAll('.toast').forEach(toast => toast.remove())")
        browser.click(button)
        browser.until(
            f"[...document.querySelectorAll('.toast')].some(toast => toast.textContent.includes({json.dumps(words)}))",
            f"{button}: {words}")

    browser.open(f"{flower.url}/workers")
    browser.until(f"document.body.innerText.includes({json.dumps(node)})", "its row is there")
    shot("workers")
    browser.open(f"{flower.url}/tasks")
    browser.until(f"document.body.innerText.includes({json.dumps(done.id)})", "the task's row is there")
    shot("tasks")
    browser.open(f"{flower.url}/task/{done.id}")
    text = browser.text()
    for words in ("swift.add", node, "42", "SUCCESS"):
        matches(text, words)
    shot("task")
    browser.open(f"{flower.url}/broker")
    if bed.kind == "redis":
        # Of RabbitMQ's queues Flower knows from its management plugin.
        browser.until("document.body.innerText.includes('swift')", "its queue is there")
    shot("broker")

    browser.open(f"{flower.url}/task/{running.id}")
    press("task-terminate", "Revoked")
    eventually(lambda: flower.get("/api/tasks")[running.id]["state"] == "REVOKED", "it is revoked", 20)
    waiting = bed.app.send_task("swift.add", [1, 1], countdown=50)
    eventually(lambda: flower.get("/api/tasks").get(waiting.id, {}).get("state") == "RECEIVED", "one waits", 20)
    browser.open(f"{flower.url}/task/{waiting.id}")
    press("task-revoke", "Revoked")
    eventually(lambda: flower.get("/api/tasks")[waiting.id]["state"] == "REVOKED", "it is revoked", 20)

    browser.open(f"{flower.url}/worker/{node}")
    shot("worker")
    press("worker-pool-grow", "Growing")
    press("worker-pool-shrink", "Shrinking")
    browser.type("#add-consumer-name", "pressed")
    press("worker-add-consumer", "pressed")
    eventually(lambda: "pressed" in str(flower.get("/api/workers?refresh=1")[node]["active_queues"]), "Flower knows it", 20)
    browser.open(f"{flower.url}/worker/{node}")
    press("worker-cancel-consumer-pressed", "pressed")
    browser.type("[aria-label='Rate limit for swift.add']", "100")
    press("task-rate-limit-swift.add", "rate limit")
    browser.type("[aria-label='Timeout for swift.add']", "60")
    press("task-timeout-soft-swift.add", "time limits")
    browser.click("worker-tab-limits")
    shot("limits")


STEERED = [
    ("/api/worker/queue/add-consumer/{node}", {"queue": "more"}),
    ("/api/worker/queue/cancel-consumer/{node}", {"queue": "more"}),
    ("/api/worker/pool/grow/{node}", {"n": 1}),
    ("/api/worker/pool/shrink/{node}", {"n": 1}),
    ("/api/worker/pool/autoscale/{node}", {"min": 1, "max": 3}),
    ("/api/worker/pool/restart/{node}", {}),
    ("/api/task/rate-limit/{language}.add", {"workername": "{node}", "ratelimit": "100/s"}),
    ("/api/task/timeout/{language}.add", {"workername": "{node}", "soft": 30, "hard": 60}),
]


@pytest.mark.parametrize("path, form", STEERED)
def test_what_flower_may_do_to_a_worker(flower, path, form):
    """Both obey, or refuse, in the same words."""
    said = []
    for language, node in flower.nodes.items():
        filled = {key: value.format(node=node) if isinstance(value, str) else value for key, value in form.items()}
        status, words = flower.post(path.format(node=node, language=language), **filled)
        said.append((status, words.replace(node, "NODE")))
    equal(said[0], said[1])


def test_flower_may_end_a_worker(flower, bed):
    """Last, because it ends it."""
    worker = bed.swift_worker(["ending"], "ending", ["-c", "1"])
    node = flower.nodes["swift"].replace("swift@", "ending@")
    eventually(lambda: flower.get("/api/workers?refresh=1").get(node), "Flower knows it", 20)
    equal(flower.post(f"/api/worker/shutdown/{node}"), (200, "Shutting down!"))
    equal(worker.process.wait(20), 0)
