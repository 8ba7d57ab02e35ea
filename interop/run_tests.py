"""The parts of `interop/test`: runs them one after the other and counts what they report."""
import argparse
import dataclasses
import os
import re
import signal
import subprocess
import sys
import threading
import time

import servers

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
logs = os.path.join(root, ".build-logs")
python = sys.executable
SERVER_VARIABLES = ["SWIFT_CELERY_TEST_REDIS_URL", "SWIFT_CELERY_TEST_RABBITMQ_URL"]


class Counts:
    """What became of each test, by its name: a test that is skipped in one part may pass in another."""

    def __init__(self):
        self.outcomes = {}
        # Why a test was skipped.
        self.reasons = {}

    def passed(self, name):
        if self.outcomes.get(name) != "failed":
            self.outcomes[name] = "passed"

    def failed(self, name):
        self.outcomes[name] = "failed"

    def skipped(self, name, reason):
        if self.outcomes.setdefault(name, "skipped") == "skipped":
            self.reasons[name] = reason

    def count(self, outcome):
        return sum(each == outcome for each in self.outcomes.values())


SANITIZERS = {
    "tsan": ["--sanitize=thread", "--scratch-path", ".build-tsan"],
    "asan": ["--sanitize=address", "--scratch-path", ".build-asan"],
}

# What the parts print, and what it means for the counts.
OURS = re.compile(r"^(ok|FAILED|skipped) {2,}(.+?)(?: {2,}(.*))?$")
SWIFT = re.compile(r"^(?:\W )?Test (?!run |case )(.+?) (passed after|failed after|skipped)\b(.*)$")
SWIFT_TOTAL = re.compile(r"^(?:\W )?Test run with (\d+) tests?")


def read_ours(part, lines, counts):
    """Our own scripts: `ok  name`, `FAILED  name` and `skipped  name  reason`."""
    for line in lines:
        if found := OURS.match(line):
            name = f"{part}: {found[2]}"
            if found[1] == "skipped":
                counts.skipped(name, found[3] or "")
            else:
                (counts.passed if found[1] == "ok" else counts.failed)(name)


def read_swift(part, lines, counts):
    """Swift Testing's console output. A test counts once for all parts but those with a sanitizer."""
    prefix = f"{part}: " if part in SANITIZERS else "swift: "
    total = None
    for line in lines:
        if found := SWIFT.match(line):
            name = prefix + found[1]
            if found[2] == "skipped":
                counts.skipped(name, found[3].lstrip(": ").strip('"') or "no reason given")
            else:
                (counts.passed if found[2].startswith("passed") else counts.failed)(name)
        elif found := SWIFT_TOTAL.match(line):
            total = int(found[1])
    if not total:
        counts.failed(f"{part}: no test was run")


def read_oracle(part, lines, counts):
    """interop/json-oracle runs tests which are skipped without it."""
    if lines and lines[-1].startswith("json-oracle: ") and "read alike" in lines[-1]:
        for name in [name for name, reason in counts.reasons.items() if "json-oracle" in reason]:
            counts.passed(name)


def read_nothing(part, lines, counts):
    pass


@dataclasses.dataclass
class Part:
    name: str
    commands: list
    minutes: float
    read: object = read_nothing
    # Whether progress is shown while it runs; else only what matters of it.
    is_loud: bool = False
    # A variable whose presence would make the tests look for servers is taken away.
    without_servers: bool = False
    # A line that matches makes the part fail.
    forbidden: object = None
    # The longest that it may take, in seconds, where that is a promise.
    budget: float = None


def parts():
    # One by one: some tests are busy for seconds, and others then miss their deadlines on a small machine.
    tests = ["swift", "test", "--skip-build", "--disable-xctest", "--no-parallel"]
    with_servers = [python, "interop/servers.py", "--redis", "--rabbitmq", "--"]
    return [
        Part("format", [["swift", "format", "lint", "--strict", "-r", "Sources", "Tests", "Package.swift", "interop"]],
             minutes=3),
        Part("build", [["swift", "build", "--build-tests"]], minutes=25, is_loud=True,
             forbidden=re.compile(rf"^({re.escape(root)}/)?(Sources|Tests|Package\.swift)\S*: warning: ")),
        Part("unit", [tests], minutes=5, read=read_swift, without_servers=True, budget=120),
        Part("live", [with_servers + tests], minutes=6, read=read_swift),
        Part("python", [[python, "interop/live.py"]], minutes=6, read=read_ours),
        Part("json", [[python, "interop/json-oracle"]], minutes=6, read=read_oracle),
        Part("demo", [[python, "interop/demo.py"]], minutes=3),
        Part("chaos", [[python, "interop/chaos.py", "--tasks", "1000"]], minutes=8, read=read_ours),
        Part("readme", [[python, "interop/readme.py"]], minutes=15, read=read_ours),
        *(Part(name, [["swift", "build", "--build-tests", *options], [*tests, *options]], minutes=25, read=read_swift,
               is_loud=True, without_servers=True, forbidden=re.compile("WARNING: ThreadSanitizer|ERROR: AddressSanitizer"))
          for name, options in SANITIZERS.items()),
    ]


NEEDS_BUILD = {"unit", "live", "python", "json", "demo", "chaos"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Worth showing of a quiet part while it runs.
NOTABLE = re.compile(r"^(\W )?Test .* recorded an issue|^↳ (?!T)|^FAILED|: error: |WARNING: ThreadSanitizer|ERROR: AddressSanitizer|^skipped "
                     r"|^(Fatal|Precondition|Assertion)|Exited with unexpected signal")


class Runner:
    def __init__(self):
        self.counts = Counts()
        self.broken = set()

    def run(self, part):
        """Runs the part; prints what matters and how it ended."""
        if part.name in NEEDS_BUILD | set(SANITIZERS) and "build" in self.broken:
            self.counts.skipped(part.name, "the build failed")
            print(f"{part.name}: skipped, as the build failed", flush=True)
            return
        print(f"{part.name}: {' '.join(part.commands[-1]).replace(python, 'python')}", flush=True)
        before = dict(self.counts.outcomes)
        begin = time.monotonic()
        lines, complaint = [], None
        for command in part.commands:
            more, complaint = self.run_command(part, command)
            lines += more
            if complaint:
                break
        seconds = time.monotonic() - begin
        with open(os.path.join(logs, f"{part.name}.log"), "w") as log:
            log.writelines(line + "\n" for line in lines)
        part.read(part.name, lines, self.counts)
        if part.forbidden and (bad := [line for line in lines if part.forbidden.search(line)]):
            complaint = complaint or f"{len(bad)} times: {bad[0]}"
        if part.budget and seconds > part.budget:
            complaint = complaint or f"took {seconds:.0f} s of {part.budget:.0f} s"
        new_failures = [name for name, outcome in self.counts.outcomes.items()
                        if outcome == "failed" and before.get(name) != "failed"]
        if complaint or new_failures:
            self.broken.add(part.name)
            if not new_failures:
                self.counts.failed(part.name)
            # The failures of the others have been printed already.
            if not part.is_loud and part.read in (read_nothing, read_oracle):
                print("\n".join(["    " + line for line in lines[-60:]]))
        elif part.read in (read_nothing, read_oracle):
            self.counts.passed(part.name)
        self.print_skips(before)
        print(f"{part.name}: {'FAILED' if part.name in self.broken else 'ok'}, {seconds:.1f} s"
              f"{self.changes(before)}{', ' + complaint if complaint else ''}\n", flush=True)

    def changes(self, before):
        """How many tests ended how, of those that this part has said something new of."""
        new = [outcome for name, outcome in self.counts.outcomes.items() if before.get(name) != outcome]
        return "".join(f", {new.count(each)} {each}" for each in ("passed", "failed", "skipped") if each in new)

    def print_skips(self, before):
        """Each reason once, with the number of tests."""
        reasons = {}
        for name, reason in self.counts.reasons.items():
            if name not in before:
                reasons[reason] = reasons.get(reason, 0) + 1
        for reason, count in reasons.items():
            print(f"    {count} skipped here: {reason}")

    def run_command(self, part, command):
        """Returns what the command printed, and what was wrong with how it ended."""
        environment = {name: value for name, value in os.environ.items()
                       if not (part.without_servers and name in SERVER_VARIABLES)}
        environment["PYTHONUNBUFFERED"] = "1"
        environment.setdefault("TSAN_OPTIONS", f"suppressions={os.path.join(here, 'tsan-suppressions')}")
        # Tests end with waiting tasks, and with consumers of the broker in memory that nobody has closed.
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        lines = []
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        is_late = threading.Event()

        def end():
            is_late.set()
            self.end(process)
        timer = threading.Timer(part.minutes * 60, end)
        timer.start()
        try:
            for line in process.stdout:
                line = COLOUR.sub("", line.rstrip("\n"))
                lines.append(line)
                if part.is_loud and not line.startswith("◇") and not SWIFT.match(line) or NOTABLE.search(line):
                    print(f"    {line}", flush=True)
            status = process.wait()
        except BaseException:
            self.end(process)
            raise
        finally:
            timer.cancel()
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
    names = parser.parse_args().parts
    if unknown := set(names) - {part.name for part in every}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    os.makedirs(logs, exist_ok=True)
    begin = time.monotonic()
    runner = Runner()
    with servers.signals_as_exceptions():
        for part in every:
            # Whatever runs what is built builds first.
            if not names or part.name in names or part.name == "build" and NEEDS_BUILD & set(names) \
                    and not os.environ.get("CELERY_SWIFT"):
                runner.run(part)
    counts = runner.counts
    for name, outcome in counts.outcomes.items():
        if outcome == "failed":
            print(f"failed: {name}")
        elif outcome == "skipped":
            print(f"skipped: {name}: {counts.reasons[name]}")
    seconds = int(time.monotonic() - begin)
    print(f"{counts.count('passed')} passed, {counts.count('failed')} failed, {counts.count('skipped')} skipped"
          f" in {seconds // 60} min {seconds % 60} s")
    return 1 if counts.count("failed") or not counts.count("passed") else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
