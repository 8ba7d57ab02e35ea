"""What `celery-swift` shows, on a terminal and in a pipe: compared with the files in `screens/`.

What differs from run to run stands there as a word in angle brackets, and the escape character as \\e. When a screen is meant
to change:

    RENEW_SCREENS=1 .venv/bin/python -m pytest interop/checks/test_screens.py && git diff interop/checks/screens
"""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest
from celery import Celery
from celery.events.event import get_exchange

from fleet import servers, worker_log
from fleet.workers import swift_binary

SCREENS = os.path.join(os.path.dirname(__file__), "screens")
PLACEHOLDERS = [
    ("\x1b", r"\\e"), ("\r\n", "\n"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"), (r"(?<=<time>),\d{3}", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
    (r"(succeeded(?:\\e\[0m)? in )\d+(?:\.\d+)? (?:µs|\\u00b5s|ms|s)\b", r"\1<duration>"),
    (r'(?<="celery\.task\.runtime": )[\d.e-]+', "<seconds>"),
    (r"(?<=127\.0\.0\.1:)\d+", "<port>"), (r"(?m)^\S+ (?=<time>$)", "<system> "),
    (r"(?<=swift-celery )\d+\.\d+\.\d+\S*?(?=\s|\\e)", "<version>"),
]


class Screen:
    """A run of the program, and all that it writes. On a terminal of 100 columns both streams are one."""

    def __init__(self, arguments, is_terminal, **environment):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("CELERY_") and name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
        environment = {**kept, "TERM": "xterm-256color", **environment}
        command = [swift_binary(), *arguments]
        self.lock = threading.Lock()
        if is_terminal:
            ours, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
            self.process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
            os.close(theirs)
            self.keys = ours
            streams = {"terminal": ours}
        else:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            streams = {"stdout": self.process.stdout.fileno(), "stderr": self.process.stderr.fileno()}
        self.written = dict.fromkeys(streams, b"")
        self.readers = [threading.Thread(target=self.read, args=stream, daemon=True) for stream in streams.items()]
        for reader in self.readers:
            reader.start()

    def read(self, name, descriptor):
        while True:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                # What a terminal says when nobody is at its other end.
                data = b""
            if not data:
                return
            with self.lock:
                self.written[name] += data

    def text(self, name=None):
        with self.lock:
            return b"".join(data for each, data in self.written.items() if name in (None, each)).decode()

    def wait_for(self, text, seconds=20):
        """Waits until this is shown, in whatever colours."""
        deadline = time.monotonic() + seconds
        while text not in re.sub("\x1b\\[[0-9;]*m", "", self.text()):
            assert time.monotonic() < deadline, f"{text!r} is not in {self.text()!r}"
            assert self.process.poll() is None, self.text()
            time.sleep(0.01)

    def end(self):
        """The status of the process when it has ended, with all that it has written."""
        try:
            status = self.process.wait(20)
        finally:
            self.process.kill()
        for reader in self.readers:
            reader.join(5)
        return status

    def shown(self):
        parts = []
        for name in self.written:
            text = self.text(name)
            for pattern, word in PLACEHOLDERS:
                text = re.sub(pattern, word, text)
            if text:
                parts.append(f"--- {name}\n{text}")
        return "".join(parts)


def expect(name, screen):
    path = os.path.join(SCREENS, f"{name}.txt")
    if os.environ.get("RENEW_SCREENS"):
        os.makedirs(SCREENS, exist_ok=True)
        with open(path, "w") as file:
            file.write(screen.shown())
    with open(path) as file:
        assert screen.shown() == file.read(), f"if it is meant to be so: RENEW_SCREENS=1 (see {os.path.basename(__file__)})"


@pytest.fixture(scope="module")
def redis():
    with servers.Redis() as server:
        yield server


CALLS = [
    ("swift.add", (1, 2), "succeeded"), ("swift.echo", ("It's longer than what a log shows of a result. " * 3,), "succeeded"),
    ("swift.fail", ("boom",), "raised unexpected"), ("swift.flaky", (2,), "succeeded"), ("swift.nothing", (), "refused"),
]


def run_worker(redis, is_terminal, *arguments, **environment):
    """Runs a few tasks, one after the other, and ends the worker."""
    url = f"redis://127.0.0.1:{redis.port}/0"
    # The server's user has no password, and takes any.
    address = f"redis://default:a-password@127.0.0.1:{redis.port}/0"
    screen = Screen(
        ["worker", "-b", address, "--result-backend", address, "-Q", "screens", "-n", "celery@host", "-c", "1", *arguments],
        is_terminal, **environment)
    with Celery(broker=url, backend=url) as app:
        screen.wait_for("celery@host ready")
        for number, (task, args, end) in enumerate(CALLS):
            identifier = f"00000000-0000-4000-8000-{number:012}"
            app.send_task(task, args, task_id=identifier, queue="screens")
            screen.wait_for(f"{identifier}] {end}")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.end() == 0
    return screen


KINDS = {"terminal": True, "piped": False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_banner_and_the_log_of_a_worker(redis, kind):
    expect(f"worker-{kind}", run_worker(redis, KINDS[kind]))


def test_a_log_in_json_has_an_object_in_each_line_and_no_banner(redis):
    screen = run_worker(redis, False, CELERY_LOG_FORMAT="json")
    for line in screen.text("stderr").splitlines():
        assert json.loads(line)["logger"] == "celery"
    assert screen.text("stdout") == ""
    expect("worker-json", screen)


def test_on_a_terminal_there_is_neither_colour_nor_banner_when_nobody_wants_them(redis):
    screen = run_worker(redis, True, "--no-color", "--quiet")
    assert "\x1b" not in screen.text()
    assert [line for line in screen.text().splitlines() if worker_log.parse(line) is None] == []


COMMANDS = {
    "help": ["--help"],
    "help-worker": ["worker", "--help"],
    "help-events": ["events", "--help"],
    "error-events": ["events", "--camera", "shop.Camera"],
    "error-option": ["worker", "--eta-limit", "many"],
    "error-broker": ["worker", "-b", "ftp://user:a-password@host"],
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script_that_it_can_read(shell, tmp_path):
    screen = Screen(["--generate-completion-script", shell], False)
    assert screen.end() == 0
    script = tmp_path / f"celery-swift.{shell}"
    script.write_text(screen.text("stdout"))
    assert "--without-gossip" not in script.read_text() and "prefetch-multiplier" in script.read_text()
    # The others are not there everywhere.
    if shutil.which(shell):
        subprocess.run([shell, "-n", script], check=True)


def test_bash_completes_subcommands_and_their_options(tmp_path):
    script = f"""
        source <({swift_binary()} --generate-completion-script bash)
        for COMP_LINE in 'celery-swift wor' 'celery-swift worker --prefetch' 'celery-swift worker --queue-type q'; do
            COMPREPLY=(); COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_POINT=${{#COMP_LINE}}
            $(complete -p celery-swift | sed 's/.*-F \\([^ ]*\\) .*/\\1/') celery-swift "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
            echo "${{COMPREPLY[@]}}"
        done
    """
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert [line.split() for line in done.stdout.splitlines()] == [["worker"], ["--prefetch-multiplier"], ["quorum"]], done


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_errors(name, kind):
    screen = Screen(COMMANDS[name], KINDS[kind])
    assert (screen.end() == 0) == name.startswith("help")
    assert "a-password" not in screen.text()
    expect(f"{name}-{kind}", screen)


def test_on_a_terminal_a_group_that_is_waited_for_shows_how_far_it_is(redis, tmp_path):
    calls = tmp_path / "calls.jsonl"
    calls.write_text("[1, 2]\n" * 40)
    url = f"redis://127.0.0.1:{redis.port}/0"
    worker = Screen(["worker", "-b", url, "--result-backend", url, "-Q", "groups", "-c", "1"], False)
    screen = Screen(
        ["call", "swift.add", "--each", str(calls), "--queue", "groups", "-b", url, "--result-backend", url, "--wait"], True)
    assert screen.end() == 0
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end() == 0
    bar, *results = screen.text().replace("\r\n", "\n").split("\n")
    first, *_, last = bar.split("\r\x1b[K")[1:]
    assert (first, last) == ("░" * 30 + " 0 % · 0 of 40 tasks", "█" * 30 + " 100 % · 40 of 40 tasks")
    assert results == ["3"] * 40 + [""]


EVENTS = [
    {"type": "worker-heartbeat", "hostname": "python@host", "freq": 60, "active": 1, "processed": 12, "loadavg": [1.66, 1.41, 0.72],
     "sw_ident": "py-celery", "sw_ver": "5.7.0", "sw_sys": "Linux", "pid": 7},
    {"type": "worker-online", "hostname": "swift-with-a-very-long-name@host", "freq": 60, "sw_ident": "swift-celery", "pid": 8},
    {"type": "task-received", "hostname": "python@host", "uuid": "a1", "name": "shop.price", "args": "('a',)", "kwargs": "{}"},
    {"type": "task-succeeded", "hostname": "python@host", "uuid": "a1", "result": "12", "runtime": 0.25},
    {"type": "task-received", "hostname": "swift-with-a-very-long-name@host", "uuid": "a2", "name": "images.\x1b[31mresize",
     "args": "(1,)", "kwargs": "{'width': 320}"},
    {"type": "task-failed", "hostname": "python@host", "uuid": "a3", "exception": "ValueError('" + "long " * 30 + "')"},
]


@pytest.mark.parametrize("end", ["q", "signal"])
def test_events_fill_a_terminal_which_is_given_back(redis, end):
    url = f"redis://127.0.0.1:{redis.port}/0"
    screen = Screen(["events", "-b", url, "--freq", "0.1"], True)
    screen.wait_for("0 of 0 workers online")
    with Celery(broker=url) as app, app.connection_for_write() as connection, connection.Producer() as producer:
        exchange = get_exchange(connection)
        for clock, event in enumerate(EVENTS):
            event = {**event, "clock": clock + 1, "timestamp": 1795220017.5 + clock}
            producer.publish(event, exchange=exchange.name, routing_key=event["type"].replace("-", "."), declare=[exchange],
                             serializer="json")
    screen.wait_for("6 events")
    settings = termios.tcgetattr(screen.keys)
    assert not settings[3] & termios.ECHO
    if end == "q":
        os.write(screen.keys, b"q")
    else:
        screen.process.send_signal(signal.SIGINT)
    assert screen.end() == 0
    before, *frames, last = screen.text().split("\x1b[H")
    last, after = last.split("\x1b[J")
    assert (before, after) == ("\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l")
    screen.written = {"terminal": last.replace("\x1b[K", "").encode()}
    expect("events-terminal", screen)
