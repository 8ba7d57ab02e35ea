"""The parts of `interop/test`: runs them one after the other and counts what they report."""
import argparse
import concurrent.futures
import dataclasses
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from checks import results
from fleet import program, servers
from fleet.paths import INTEROP, ROOT

logs = os.path.join(ROOT, ".build-logs")
python = sys.executable
# What is random in a part that has nothing to do with time is the same each time. By themselves the programs draw a new seed.
SEED = ["--seed", "9"]
SERVER_VARIABLES = ["SWIFT_CELERY_TEST_REDIS_URL", "SWIFT_CELERY_TEST_RABBITMQ_URL"]
# Nobody looks anything up in what they have built.
SANITIZERS = {
    "tsan": ["--sanitize=thread", "--scratch-path", ".build-tsan"],
    "asan": ["--sanitize=address", "--scratch-path", ".build-asan"],
}


@dataclasses.dataclass
class Part:
    name: str
    commands: list
    minutes: float
    # A build of its own that comes first. It is done beside the parts before, with the processor time that they leave.
    build: list = None
    # Reads the results that the last command has written to the file; without it the exit status is the result.
    read: object = None
    # The option by which that command is told the file.
    results: list = ()
    # The option by which it is told which tests to run.
    only: str = None
    # Whether progress is shown while it runs; else only what matters of it.
    is_loud: bool = False
    # A variable whose presence would make the tests look for servers is taken away.
    without_servers: bool = False
    # A line that matches makes the part fail.
    forbidden: object = None
    # The longest that it may take, in seconds, where that is a promise.
    budget: float = None
    # Whether it runs only when it is named: another part runs the same tests.
    is_extra: bool = False

    @property
    def results_path(self):
        return os.path.join(logs, f"{self.name}.results")


def parts():
    # One by one: some tests are busy for seconds, and others then miss their deadlines on a small machine.
    tests = ["swift", "test", "--skip-build", "--disable-xctest", "--no-parallel"]
    with_servers = [python, "interop/fleet/servers.py", "--redis", "--rabbitmq", "--"]
    events = dict(
        read=results.read_events, results=["--event-stream-version", "0", "--event-stream-output-path"], only="--filter")
    cases = dict(read=results.read_junit, results=["--junit-xml"])

    def sanitized(name, runner, **more):
        """A build of its own. What it finds is counted apart from the other parts."""
        options = SANITIZERS[name]
        return Part(
            name, [[*runner, *tests, *options]], minutes=15, build=["swift", "build", "--build-tests", *options],
            forbidden=re.compile("WARNING: ThreadSanitizer|ERROR: AddressSanitizer"),
            **{**events, "read": functools.partial(results.read_events, prefix=name)}, **more)

    return [
        Part("format", [["swift", "format", "lint", "--strict", "-r", "Sources", "Tests", "Package.swift", "interop"]],
             minutes=3),
        Part("build", [["swift", "build", "--build-tests"]], minutes=25, is_loud=True,
             forbidden=re.compile(rf"^({re.escape(ROOT)}/)?(Sources|Tests|Package\.swift|interop)\S*: warning: ")),
        Part("docs", [[python, "-m", "checks.docs"]], minutes=10, **cases),
        Part("swift", [with_servers + tests], minutes=8, **events),
        Part("unit", [tests], minutes=5, without_servers=True, budget=120, is_extra=True, **events),
        # Most of them wait most of the time: two at once, each with servers of its own.
        Part("python", [[python, "-m", "pytest", "-n", "2", "--dist", "loadscope", "interop/live", "interop/checks"]],
             minutes=10, only="-k", **cases),
        # A part of what the command does by itself.
        Part("json", [[python, "interop/checks/json_oracle.py", "--documents", "15000", *SEED]], minutes=6, read=results.read_events,
             results=["--events"]),
        Part("demo", [[python, "-m", "checks.demo"]], minutes=3),
        Part("conformance", [[python, "-m", "suite.main", "--short"]], minutes=8, **cases),
        Part("chaos", [[python, "-m", "faults.main", "--short"]], minutes=12, **cases),
        Part("canvas", [[python, "-m", "canvases.main", "--short", *SEED]], minutes=6, **cases),
        Part("mutate", [[python, "-m", "mutations.main", "--messages", "6000"]], minutes=4, **cases),
        Part("bench", [["interop/bench", *form, "--short"] for form in ([], ["--growth"], ["--events"], ["--canvas"])], minutes=5),
        Part("readme", [[python, "-m", "checks.readme"]], minutes=15, **cases),
        sanitized("tsan", with_servers),
        sanitized("asan", [], without_servers=True),
    ]


NEEDS_BUILD = {"docs", "swift", "unit", "python", "json", "demo", "conformance", "chaos", "canvas", "mutate", "bench"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Worth showing of a quiet part while it runs.
NOTABLE = re.compile(r"^(\W )?Test .* recorded an issue|^↳ (?!T)|^FAILED|^ERROR|: error: |WARNING: ThreadSanitizer|ERROR: AddressSanitizer|^skipped "
                     r"|^(Fatal|Precondition|Assertion)|Exited with unexpected signal")


# Progress of single tests, which is not worth showing.
SINGLE = re.compile(r"^(◇|\W Test (?!run ))")


# Has a command run when nothing else wants a processor. Linux shares them out among sessions first, where it is told to.
IDLE = ["sh", "-c", '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec "$@"', "sh",
        *(["chrt", "--idle", "0"] if shutil.which("chrt") else ["nice", "-n", "19"])]


# Says why a command without results of its own, or a crash, ended.
ERROR = re.compile(r"\berror: |FAILED|: warning: |Sanitizer: |Fatal error|signal code")


def last_words(lines):
    return ([line.strip() for line in lines if ERROR.search(line)] or lines)[-results.SHOWN_LINES + 1:]


class Runner:
    def __init__(self, only=None):
        self.counts = results.Counts()
        self.broken = set()
        self.only = only
        # What runs, by its part: the present one, and a build for a later one.
        self.processes = {}
        self.builder = concurrent.futures.ThreadPoolExecutor(1)
        self.builds = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.builder.shutdown(wait=False, cancel_futures=True)
        for process in list(self.processes.values()):
            self.end(process)

    def build_ahead(self, part):
        """Builds what a later part needs, after the others that have been asked for.

        It gets a processor when nothing else wants it: most tests wait for most of their time.
        """
        self.builds[part.name] = self.builder.submit(self.run_command, part, [*IDLE, *part.build], is_ahead=True)

    def build(self, part):
        """Builds what the present part needs, if that has not been done ahead. On a machine that others use too, nothing
        may be left for what is idle: it is done as everything else now, from where it has come to."""
        ahead = self.builds.get(part.name)
        if ahead and not ahead.done() and not ahead.cancel():
            if process := self.processes.get(part.name):
                self.end(process)
            ahead.exception()
        elif ahead and ahead.done():
            return ahead.result()
        return self.run_command(part, part.build)

    def run(self, part):
        """Runs the part; prints what matters and how it ended."""
        if part.name in NEEDS_BUILD | set(SANITIZERS) and "build" in self.broken:
            self.counts.skipped(part.name, part.name, "the build failed")
            print(f"{part.name}: skipped, as the build failed", flush=True)
            return
        print(f"{part.name}: {' '.join(part.commands[-1]).replace(python, 'python')}", flush=True)
        before = dict(self.counts.outcomes)
        begin = time.monotonic()
        lines, complaint = [], None
        if os.path.exists(part.results_path):
            os.unlink(part.results_path)
        if part.build:
            lines, complaint = self.build(part)
            print(f"{part.name}: built after {time.monotonic() - begin:.1f} s more", flush=True)
        for number, command in enumerate(part.commands):
            if complaint:
                break
            if number == len(part.commands) - 1 and part.read:
                command = [*command, *part.results, part.results_path]
                command += [part.only, self.only] if part.only and self.only else []
            more, complaint = self.run_command(part, command)
            lines += more
        seconds = time.monotonic() - begin
        with open(os.path.join(logs, f"{part.name}.log"), "w") as log:
            log.writelines(line + "\n" for line in lines)
        failures, complaint = self.judge(part, lines, complaint, seconds)
        if complaint or failures:
            self.broken.add(part.name)
            # What a loud part printed, and the failures of single tests, have been shown already.
            if not part.is_loud and part.name in failures:
                print("\n".join(["    " + line for line in lines[-60:]]))
        elif not part.read:
            self.counts.passed(part.name)
        print(f"{part.name}: {'FAILED' if part.name in self.broken else 'ok'}, {seconds:.1f} s"
              f"{self.changes(before)}{', ' + complaint if complaint else ''}\n", flush=True)

    def failures(self):
        return {key for key, outcome in self.counts.outcomes.items() if outcome == "failed"}

    def judge(self, part, lines, complaint, seconds):
        """Counts what the part's command reported. Returns the failures that are new, and what is wrong as a whole."""
        before, words = self.failures(), last_words(lines)
        # Where the command did not get that far, the complaint says more.
        if part.read and (os.path.exists(part.results_path) or not complaint):
            part.read(part.name, part.results_path, self.counts)
        # A crash leaves tests that could not say anything.
        for key in self.failures() - before:
            self.counts.messages[key] = self.counts.messages[key] or [complaint or "", *words]
        # A failure of its own, whatever else failed.
        if part.forbidden and (bad := [line for line in lines if part.forbidden.search(line)]):
            complaint = f"{len(bad)} times: {bad[0].strip()}"
            self.counts.failed(f"{part.name}: what it printed", message="\n".join([complaint, *words]))
        if part.budget and seconds > part.budget:
            complaint = f"took {seconds:.0f} s of {part.budget:.0f} s"
            self.counts.failed(f"{part.name}: its time", message=complaint)
        if complaint and self.failures() == before:
            self.counts.failed(part.name, message="\n".join([complaint, *words]))
        return self.failures() - before, complaint

    def changes(self, before):
        """How many tests ended how, of those that this part has said something new of."""
        new = [outcome for name, outcome in self.counts.outcomes.items() if before.get(name) != outcome]
        return "".join(f", {new.count(each)} {each}" for each in ("passed", "failed", "skipped") if each in new)

    def run_command(self, part, command, is_ahead=False):
        """Returns what the command printed, and what was wrong with how it ended.

        What is done ahead prints nothing and may take any time.
        """
        environment = {name: value for name, value in os.environ.items()
                       if not (part.without_servers and name in SERVER_VARIABLES)}
        environment["PYTHONUNBUFFERED"] = "1"
        environment.setdefault("TSAN_OPTIONS", f"suppressions={os.path.join(INTEROP, 'checks', 'tsan-suppressions')}")
        # Tests end with waiting tasks, and with consumers of the broker in memory that nobody has closed.
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        lines = []
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        self.processes[part.name] = process
        is_late = threading.Event()

        def end():
            is_late.set()
            self.end(process)
        timer = threading.Timer(part.minutes * 60, end)
        if not is_ahead:
            timer.start()
        try:
            for line in process.stdout:
                line = COLOUR.sub("", line.rstrip("\n"))
                lines.append(line)
                if not is_ahead and (part.is_loud and not SINGLE.match(line) or NOTABLE.search(line)):
                    print(f"    {line}", flush=True)
            status = process.wait()
        except BaseException:
            self.end(process)
            raise
        finally:
            timer.cancel()
            del self.processes[part.name]
        if is_late.is_set():
            return lines, f"did not end within {part.minutes} minutes"
        return lines, f"status {status}" if status else None

    def end(self, process):
        """Asks the process to end, then all its children by force."""
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main():
    every = parts()
    parser = argparse.ArgumentParser(prog="interop/test", description="All tests; or only the parts that are named.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(part.name for part in every))
    parser.add_argument("-k", dest="only", metavar="TEXT", help="only tests that match, in the parts that consist of tests")
    options = parser.parse_args()
    names = options.parts
    if unknown := set(names) - {part.name for part in every}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    os.makedirs(logs, exist_ok=True)
    begin = time.monotonic()
    # Whatever runs what is built builds first.
    is_built = NEEDS_BUILD & set(names) and not os.environ.get("CELERY_SWIFT")
    wanted = [part for part in every
              if part.name in names or part.name == "build" and is_built or not names and not part.is_extra]
    with servers.signals_as_exceptions(), Runner(options.only) as runner:
        for part in wanted:
            runner.run(part)
            if part.name == "build" and "build" not in runner.broken:
                for later in wanted:
                    if later.build:
                        runner.build_ahead(later)
    counts = runner.counts
    with open(os.path.join(logs, "skipped.txt"), "w") as file:
        file.writelines(f"{part}: {reason}: {name}\n" for part, reason, name in counts.skips())
    # Last, and short: some see nothing but the end.
    print("".join(line + "\n" for line in counts.summary()), end="")
    seconds = int(time.monotonic() - begin)
    print(f"{seconds // 60} min {seconds % 60} s")
    # The last line, which programs read.
    print(f"{counts.count('passed')} passed, {counts.count('failed')} failed, {counts.count('skipped')} skipped")
    return 1 if counts.count("failed") or not counts.count("passed") else 0


if __name__ == "__main__":
    program.run("test", main)
