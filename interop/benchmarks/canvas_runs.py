"""One canvas on its way: the client that sends it, the worker that runs it, and what both and Redis spend on it."""
import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import time

from benchmarks.brokers import SWIFT_CLIENT, open_broker
from benchmarks.growth import ServerLoad
from benchmarks.workers import Worker, memory_of
from fleet.paths import INTEROP, ROOT

PYTHON = [os.path.join(ROOT, ".venv", "bin", "python"), os.path.join(INTEROP, "benchmarks", "python_canvases.py")]
CLIENTS = {"swift": [*SWIFT_CLIENT, "canvas"], "python": PYTHON}
# Seconds. What follows the result, such as the last acknowledgement, belongs to the canvas too.
AFTERMATH = 0.05


class CanvasClient:
    """A program that sends one canvas after another, of tasks in one language."""

    def __init__(self, kind, broker, queue, language):
        self.command = [
            *CLIENTS[kind], broker.url, broker.results.url, queue, f"{language}.add", f"{language}.tsum"]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            self._expect("ready")
        except BaseException:
            self.__exit__()
            raise
        forget_peak(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.kill()
        with self.process:
            pass

    def send(self, shape, size, *unheard):
        """Sends a canvas; its value is not waited for if it is `unheard`."""
        self.process.stdin.write(" ".join([shape, str(size), *unheard]) + "\n")
        self.process.stdin.flush()
        self._expect("sent")

    def result(self):
        """What the client says when it has the value."""
        return json.loads(self._line())

    def peak(self):
        """Megabytes: the most that it has had, of what it does not share."""
        return peak_of([self.process.pid])

    def _expect(self, word):
        if (line := self._line()) != word:
            raise RuntimeError(f"{os.path.basename(self.command[0])} says {line!r} instead of {word}")

    def _line(self):
        if not (line := self.process.stdout.readline()):
            raise RuntimeError(f"{' '.join(map(os.path.basename, self.command))} has ended")
        return line.strip()


def forget_peak(process):
    """From now on the kernel notes anew how much memory the process has at most."""
    with open(f"/proc/{process}/clear_refs", "w") as file:
        file.write("5")


def peak_of(processes):
    """Megabytes: the highest PSS, as far as it shares with others what it shares now."""
    memory = memory_of(processes)
    return memory["peak"] - memory["rss"] + memory["pss"]


@dataclasses.dataclass
class Spent:
    """What canvases of one size have cost; seconds are medians, everything else is per task of the header, or memory."""
    size: int
    # From the worker's going on, with all messages in its queue, to the value in the client's hand.
    running: float
    # From the first message to the value, with a worker that waits.
    whole: float
    sending: float
    client_cpu: float
    worker_cpu: float
    redis_cpu: float
    commands: float
    worker_peak: float
    client_peak: float


@contextlib.contextmanager
def idle_worker(kind, broker):
    """One that has run a chord, and so has all that it needs."""
    # While it is stopped RabbitMQ is not to miss its heartbeats.
    url = broker.url + ("?heartbeat=0" if broker.name == "rabbitmq" else "")
    if broker.name == "rabbitmq":
        broker.declare(f"bench-{kind}")
    with Worker(kind, url, broker.results.url) as worker:
        with client_of(worker, broker, "swift") as client:
            client.send("chord", 10)
            client.result()
        yield worker


def client_of(worker, broker, kind=None):
    """A client of the worker's own language, or of another one, for the tasks of the worker's language."""
    language = "swift" if worker.kind == "swift" else "python"
    return CanvasClient(kind or language, broker, worker.queue, language)


def chords(worker, broker, size, turns):
    """Sends so many chords, one after another, to a worker that is stopped meanwhile; some more to one that waits."""
    for process in worker.processes():
        forget_peak(process)
    before = worker.cpu_seconds()
    with client_of(worker, broker) as client:
        runs = [in_turns(client, worker, broker, size) for _ in range(turns)]
        worker_cpu, client_peak = worker.cpu_seconds() - before, client.peak()
        whole = [at_once(client, broker, "chord", size) for _ in range(max(1, turns // 4))]
    tasks = size * turns
    return Spent(
        size=size, whole=statistics.median(whole),
        running=statistics.median(run["running"] for run in runs),
        sending=statistics.median(run["sending"] for run in runs),
        client_cpu=sum(run["sending cpu"] for run in runs) / tasks,
        worker_cpu=worker_cpu / tasks,
        redis_cpu=sum(run["redis cpu"] for run in runs) / tasks,
        commands=sum(run["commands"] for run in runs) / tasks,
        worker_peak=peak_of(worker.processes()), client_peak=client_peak)


def in_turns(client, worker, broker, size):
    """What the client says, with the seconds that the worker has taken, and what Redis has done in these."""
    worker.freeze()
    client.send("chord", size)
    load, begin = ServerLoad(broker.results.database), time.monotonic()
    worker.thaw()
    done = client.result()
    done["running"] = time.monotonic() - begin
    time.sleep(AFTERMATH)
    _, calls, done["redis cpu"] = load.since()
    done["commands"] = sum(calls.values())
    broker.results.clear()
    return done


def at_once(client, broker, shape, size):
    """Seconds from the first signature to the value, with a worker that waits."""
    client.send(shape, size)
    seconds = client.result()["seconds"]
    time.sleep(AFTERMATH)
    broker.results.clear()
    return seconds


def chain(worker, broker, size, kind):
    """Seconds that a chain takes, sent by a client of this kind."""
    with client_of(worker, broker, kind) as client:
        return at_once(client, broker, "chain", size)


def message_sizes(broker, kind, canvases):
    """Bytes of the largest message that a client of this kind sends to begin each canvas, as Redis holds it."""
    queue = f"bench-sizes-{kind}"
    sizes = {}
    with CanvasClient(kind, broker, queue, "python") as client:
        for shape, size in canvases:
            client.send(shape, size, "unheard")
            sizes[shape, size] = max(len(message) for message in broker.database.lrange(queue, 0, -1))
            broker.database.delete(queue)
    broker.results.clear()
    return sizes
