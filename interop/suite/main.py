"""Celery's own integration suite, none of its files changed, with a Swift worker in place of its Python one.

The suite is that of the Celery which interop/setup has installed, and comes from PyPI. Its tests are the client; the worker
is the program `conformance-worker`, which has the suite's tasks in Swift. It runs with three set-ups:

    redis      Redis is broker and result backend
    rabbitmq   RabbitMQ is the broker, Redis the result backend
    rpc        RabbitMQ is the broker, and results are messages too

Every test is listed with what came of it, and with the reason if it did not pass everywhere:

    ok        it passes
    (ok)      it passes, and would with any worker: it has nothing to do with it
    xfail     it fails, as the suite itself says that it does; `ok!` if it passes nevertheless
    skip      the suite skips it with this set-up
    -         it does not run
    known     it fails, and suite/expected.toml says why
    FAILED

The status is 0 when nothing fails but what is expected to, and all of that does. A table of both workers:

    interop/conformance --worker swift --worker python
"""
import argparse
import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from fleet import junit, program, servers, workers
from fleet.paths import INTEROP, ROOT
from suite import expected, session_worker, source

SETUPS = ["redis", "rabbitmq", "rpc"]
LANGUAGES = [session_worker.SWIFT, session_worker.PYTHON]
LOGS = os.path.join(ROOT, ".build-logs")
SIGNS = {"passed": "ok", "xpassed": "ok!", "xfailed": "xfail", "skipped": "skip", "failed": "FAILED", "known": "known",
         "deselected": "-", "aside": "(ok)"}
# Without a word for a test: a run of pytest that broke off.
MISSING = "?"


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/conformance", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--setup", choices=SETUPS, action="append", help="only this one; may be said again")
    parser.add_argument("--worker", choices=LANGUAGES, action="append",
                        help="swift (the default) or python, for comparison; may be said again")
    parser.add_argument("--short", action="store_true", help="a selection that takes little more than a minute")
    parser.add_argument("-k", dest="only", metavar="TEXT", help="only tests that match, as pytest's -k")
    parser.add_argument("--jobs", type=int, default=3, help="so many runs at a time (3)")
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    return parser.parse_args()


class Run:
    """The suite with one set-up and one worker: servers of its own, and a process of pytest."""

    def __init__(self, setup, language, options):
        self.setup, self.language, self.options = setup, language, options
        self.name = f"{language}, {setup}" if len(options.worker) > 1 else setup
        self.log_path = os.path.join(LOGS, f"conformance-{language}-{setup}.log")
        self.stack = contextlib.ExitStack()
        self.process = None
        self.outcomes = {}
        self.seconds = 0.0

    def start(self, suite):
        self.started_at = time.monotonic()
        redis = self.stack.enter_context(servers.Redis())
        broker = redis.url
        if self.setup != "redis":
            rabbitmq = self.stack.enter_context(servers.RabbitMQ())
            rabbitmq.control("trace_on")
            broker = rabbitmq.url
        self.outcomes_path = os.path.join(self.stack.enter_context(tempfile.TemporaryDirectory()), "outcomes")
        environment = {
            **os.environ,
            "TEST_BROKER": broker, "TEST_BACKEND": "rpc" if self.setup == "rpc" else redis.url,
            # Where the suite's tasks leave their marks.
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port),
            "CONFORMANCE_LANGUAGE": self.language, "CONFORMANCE_SETUP": self.setup, "CONFORMANCE_OUTCOMES": self.outcomes_path,
            "CONFORMANCE_LOG": self.log_path.replace(".log", "-worker.log"),
            "CONFORMANCE_SHORT": "yes" if self.options.short else "",
            "PYTHONPATH": os.pathsep.join([INTEROP, suite]), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            # Some tests run `celery`.
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
        }
        command = [
            sys.executable, "-m", "pytest", "-p", "celery.contrib.pytest", "-p", "suite.plugin", "-p", "no:cacheprovider",
            "--rootdir", suite, "-c", os.path.join(suite, "pyproject.toml"), "-v", "--tb=short",
            # A worker that does better than is expected of Python's is not at fault.
            "-o", "xfail_strict=false",
            *(["-k", self.options.only] if self.options.only else []), "t/integration"]
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                command, cwd=suite, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stack.callback(self.end)

    def end(self):
        if self.process.poll() is None:
            # Ends its worker too.
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    @property
    def has_ended(self):
        return self.process.poll() is not None

    def finish(self):
        """Reads what came of the tests, and gives back what it took."""
        if os.path.exists(self.outcomes_path):
            with open(self.outcomes_path) as file:
                for line in map(json.loads, file):
                    self.outcomes[line.pop("test")] = line
        for test, outcome in self.outcomes.items():
            kind, reason = expected.kind(test, self.setup)
            outcome["known"] = reason if kind == expected.FAILURE and outcome["outcome"] == "failed" else None
            outcome["is_aside"] = kind == expected.ASIDE
        self.seconds = time.monotonic() - self.started_at
        self.stack.close()

    @property
    def problems(self):
        """(test, problem) of what is not as it should be."""
        # 5 is that there was no test to run.
        if self.process.returncode not in (0, 1):
            yield "the run", f"pytest ended with status {self.process.returncode}; {self.log_path}"
        for test, outcome in self.outcomes.items():
            kind = outcome["outcome"]
            if kind == "failed" and not outcome["known"]:
                yield test, outcome["reason"]
            elif kind in ("passed", "xpassed") and expected.reason(expected.FAILURE, test, self.setup):
                yield test, "it passes, and expected.toml says that it fails"
        if not self.options.only:
            for name in expected.unknown(self.outcomes):
                yield name, "expected.toml names it, and the suite has no such test"

    @property
    def has_run(self):
        return {test: outcome for test, outcome in self.outcomes.items() if outcome["outcome"] != "deselected"}

    def kind(self, test):
        outcome = self.outcomes[test]
        if outcome["known"]:
            return "known"
        return "aside" if outcome["is_aside"] and outcome["outcome"] == "passed" else outcome["outcome"]

    def sign(self, test):
        return SIGNS[self.kind(test)] if test in self.outcomes else MISSING

    def reason(self, test):
        """Why the test did not pass."""
        outcome = self.outcomes.get(test)
        return "" if outcome is None or self.kind(test) in ("passed", "xpassed", "aside") else outcome["known"] or outcome["reason"]

    def summary(self):
        counts = collections.Counter(map(self.kind, self.outcomes))
        text = (f"{counts['passed'] + counts['xpassed']} passed, {counts['failed']} failed, {counts['known']} failed as expected, "
                f"{counts['xfailed']} xfailed, {counts['skipped']} skipped, {counts['deselected']} not run, "
                f"{counts['aside']} passed without a worker")
        return f"{self.name}: {text}; {self.seconds:.0f} s"


def run_all(runs, suite, jobs):
    """So many at a time; most of the time they wait."""
    waiting, running = list(runs), []
    with contextlib.ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                stack.push(run.stack)
                run.start(suite)
                running.append(run)
            time.sleep(0.1)
            for run in [each for each in running if each.has_ended]:
                running.remove(run)
                run.finish()
                print(run.summary(), flush=True)


def print_table(runs):
    tests = list(dict.fromkeys(test for run in runs for test in run.outcomes))
    # Those that pytest left out before it began are put where they stand in the suite.
    tests.sort(key=lambda test: test.partition("::")[0])
    widths = [max(len(run.name), max(map(len, SIGNS.values()))) for run in runs]
    print()
    print("  ".join(run.name.ljust(width) for run, width in zip(runs, widths)) + "  test")
    for test in tests:
        signs = "  ".join(run.sign(test).ljust(width) for run, width in zip(runs, widths))
        # Of a reason of the suite's own the first sentence.
        reasons = dict.fromkeys(re.split(r"[.!](?= |$)", run.reason(test).removeprefix("Skipped: "))[0] for run in runs)
        print(f"{signs}  {test}" + (f": {'; '.join(filter(None, reasons))}" if any(reasons) else ""))


def print_failures(runs):
    for run in runs:
        for test, outcome in run.outcomes.items():
            if outcome["known"]:
                print(f"\nknown, {run.name}: {test}\n    {outcome['known']}")
        for test, problem in run.problems:
            print(f"\nFAILED, {run.name}: {test}\n    {problem}")


def main():
    options = parse()
    options.worker = options.worker or LANGUAGES[:1]
    os.makedirs(LOGS, exist_ok=True)
    runs = [Run(setup, language, options) for language in options.worker for setup in options.setup or SETUPS]
    with servers.signals_as_exceptions():
        run_all(runs, source.unpacked(), options.jobs)
    print_table(runs)
    print_failures(runs)
    print()
    for run in runs:
        print(run.summary())
    report = junit.Report("conformance", options.junit_xml)
    for run in runs:
        problems = dict(run.problems)
        for test, outcome in run.has_run.items():
            report.case(f"{run.name}, {test}", problems.pop(test, None), outcome["seconds"], is_shown=False)
        for test, problem in problems.items():
            report.case(f"{run.name}, {test}", problem, is_shown=False)
    return report.write()


if __name__ == "__main__":
    program.run("conformance", main, servers.ServerError, workers.WorkerError, source.SourceError)
