"""Instructions of the worker per task, counted by valgrind's callgrind (`--instructions`)."""
import os
import re
import signal
import statistics
import subprocess
import sys

from benchmarks.brokers import LOOPS, open_broker
from benchmarks.report import number, print_rows
from benchmarks.workers import built, require
from fleet import servers

# Counted before the others and taken off: the start, the first connection and the end cost what hundreds of tasks do.
FEW = 200
# With --check the worker may need so many times the instructions of the other program.
MOST = 1.05
# Seconds. Under valgrind everything takes fifty times as long.
LONGEST = 600


class CountedWorker:
    """A worker under callgrind, which writes what it has counted when the worker ends."""

    kind = "swift"

    def __init__(self, program, broker, queue, folder):
        # Valgrind gives up on the debugging information that Swift writes.
        plain = os.path.join(folder, "counted-worker")
        subprocess.run(["strip", "-o", plain, program], check=True)
        self.report = os.path.join(folder, "callgrind.out")
        self.command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.report}", "--quiet", "--fair-sched=yes", plain, "worker",
            "-c", "1", "--prefetch-multiplier", "128", "-Q", queue, "-l", "WARNING", "-n", "counted@bench"]
        self.environment = {
            **os.environ, "LD_PRELOAD": os.path.join(LOOPS, "writable-mask.so"), "CELERY_BROKER_URL": broker.url, "CELERY_RESULT_BACKEND": broker.results.url}

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sys.stderr,
            preexec_fn=servers._die_with_parent)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker has ended with {self.process.returncode}")

    def end(self):
        """Ends the worker warmly; the instructions of all its threads."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=LONGEST)
        with open(self.report) as file:
            return int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE)[1])


def instructions(broker, program, count):
    """Those of a worker from its start to its end, with so many tasks in between."""
    queue = "bench-counted"
    broker.clear(queue)
    broker.fill(queue, "swift.mul", count, False)
    broker.results.clear()
    with CountedWorker(program, broker, queue, broker.results.folder) as worker:
        require(lambda: broker.results.count() >= count, worker, seconds=LONGEST, pause=0.02)
        return worker.end()


def per_task(broker, program, count):
    return (instructions(broker, program, FEW + count) - instructions(broker, program, FEW)) / count


def run(options, stack, say):
    """Prints the table; whether the target was missed."""
    programs = {"ours": built("celery-swift")}
    if options.against:
        programs["the other"] = os.path.abspath(options.against)
    broker = open_broker("redis", stack)
    turns = {name: [] for name in programs}
    for _ in range(options.turns):
        for name, program in programs.items():
            turns[name].append(per_task(broker, program, options.tasks))
            say(f"{name}: {turns[name][-1]:,.0f} instructions per task")
    figures = {name: statistics.median(values) for name, values in turns.items()}
    print_rows([["instructions per task", "", ""]] + [[name, number(value), programs[name]] for name, value in figures.items()],
               texts={0, 2})
    if not options.against:
        return False
    ratio = figures["ours"] / figures["the other"]
    print(f"\nratio {ratio:.3f}, at most {MOST}: {'pass' if ratio <= MOST else 'FAIL'}")
    return ratio > MOST
