"""The workers that are measured: their processes, started and stopped, and what the kernel says of them."""
import json
import os
import signal
import subprocess
import sys
import time

from fleet import servers
from fleet.paths import INTEROP, ROOT

TICKS = os.sysconf("SC_CLK_TCK")
CONCURRENCY, PREFETCH_MULTIPLIER = 2, 4
# As far as celery-swift reads ahead while tasks are short (ConsumerSession.largestWindow).
READ_AHEAD = 128
CELERY = {
    "solo": ["-P", "solo"],
    "prefork": ["-P", "prefork", "-c", str(CONCURRENCY)],
    "threads": ["-P", "threads", "-c", "8"],
}
# The order of the columns.
WORKERS = [*CELERY, "swift"]


def built(product):
    """A program of ours; BENCH_CONFIGURATION names another configuration than release."""
    return os.path.join(ROOT, ".build", os.environ.get("BENCH_CONFIGURATION", "release"), product)


def task_of(worker):
    """The cheap task that both sides offer: the product of two numbers."""
    return "swift.mul" if worker == "swift" else "python.mul"


class Worker:
    """One worker on a queue of its own, with its results in their own database."""

    def __init__(self, kind, broker_url, backend_url, prefetch_multiplier=PREFETCH_MULTIPLIER):
        self.kind = kind
        self.task = task_of(kind)
        self.queue = f"bench-{kind}"
        common = ["-Q", self.queue, "-l", "WARNING", "-n", f"{kind}@bench"]
        environment = {**os.environ, "CELERY_BROKER_URL": broker_url, "CELERY_RESULT_BACKEND": backend_url}
        if kind == "swift":
            self.command = [
                built("celery-swift"), "worker", "-c", str(CONCURRENCY),
                "--prefetch-multiplier", str(prefetch_multiplier), *common]
        else:
            environment["CELERY_APP_CONFIG"] = json.dumps({"worker_prefetch_multiplier": prefetch_multiplier})
            self.command = [
                os.path.join(ROOT, ".venv", "bin", "celery"), "-A", "fleet.python_app", "worker", *CELERY[kind],
                "--without-gossip", "--without-mingle", "--without-heartbeat", *common]
        self.environment = environment
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            self.command, cwd=INTEROP, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=sys.stderr if os.environ.get("BENCH_SHOW_LOGS") else subprocess.DEVNULL,
            start_new_session=True, preexec_fn=servers._die_with_parent)
        return self

    def stop(self):
        """Ends all its processes at once; nothing that it holds is needed again."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def freeze(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the worker {self.kind} has ended with {self.process.returncode}")

    def processes(self):
        return family(self.process.pid)

    def cpu_seconds(self):
        return cpu_seconds(self.processes())

    def memory(self):
        return memory_of(self.processes())


def family(process):
    """The process and all that descend from it."""
    found, left = [], [process]
    while left:
        found.append(process := left.pop())
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children") as file:
                left += [int(child) for child in file.read().split()]
    return found


def cpu_seconds(processes):
    """User and system time of the processes so far, children that have ended among them."""
    total = 0
    for process in processes:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def memory_of(processes):
    """Megabytes over the processes: proportional share now, resident now, highest resident ever."""
    pss = rss = peak = 0
    for process in processes:
        with open(f"/proc/{process}/smaps_rollup") as file:
            values = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
        with open(f"/proc/{process}/status") as file:
            status = dict(line.split(":", 1) for line in file.read().splitlines())
        pss += int(values["Pss"].split()[0])
        rss += int(values["Rss"].split()[0])
        peak += int(status["VmHWM"].split()[0])
    return {"pss": pss / 1024, "rss": rss / 1024, "peak": peak / 1024}


def strangers(library, own):
    """Other processes that share a library, whose memory then counts for less in every process that has it."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/maps") as file:
                if int(process) not in own and library in file.read():
                    found.append(int(process))
        except OSError:
            continue
    return found


def wait_until(condition, worker=None, seconds=60, pause=0.002):
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if worker is not None:
            worker.check()
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def require(condition, worker=None, **options):
    if not wait_until(condition, worker, **options):
        raise TimeoutError("waited in vain for " + (f"the worker {worker.kind}" if worker else "the workers"))
