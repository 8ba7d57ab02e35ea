"""The measurements. Each takes a broker and the workers, and notes its samples in a `Figures`."""
import collections
import contextlib
import statistics
import time

from benchmarks.brokers import PYTHON_CLIENT, SWIFT_CLIENT, run_json
from benchmarks.workers import CONCURRENCY, PREFETCH_MULTIPLIER, READ_AHEAD, WORKERS, Worker, require, strangers, wait_until

# Then a drain is given up and the rate so far counts.
LONGEST_DRAIN = 8
# What takes a fraction of a second is measured so many times in a turn, as the machine's quicker and slower moments are
# no shorter than that.
FAST_RUNS = 3
# Calls in one turn of the latencies, and the seconds between them.
TRIPS = 25
PAUSES = {"idle": 0.005, "busy": 0}


class Figures:
    """Samples by broker, measurement and column; the figure is their median."""

    def __init__(self):
        self.samples = collections.defaultdict(list)
        self.notes = set()

    def add(self, broker, name, column, value):
        self.samples[broker, name, column].append(value)

    def __call__(self, broker, name, column, percent=50):
        samples = self.samples.get((broker, name, column))
        if not samples:
            return None
        if percent == 50:
            return statistics.median(samples)
        return sorted(samples)[min(len(samples) - 1, len(samples) * percent // 100)]


@contextlib.contextmanager
def running(broker, kinds=WORKERS):
    """Workers that have run one task each and are idle."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(kind, broker.url, broker.results.url)) for kind in kinds]
        for worker in workers:
            broker.fill(worker.queue, worker.task, 4, False)
        require(lambda: broker.results.count() >= 4 * len(workers), pause=0.05)
        broker.results.clear()
        yield workers


def drain_worker(broker, worker, count, with_results):
    """The rate from the moment on at which a frozen worker with a full queue goes on; and its CPU time."""
    worker.freeze()
    # Without results the last message has one all the same: it tells the end.
    broker.fill(worker.queue, worker.task, count if with_results else count - 1, not with_results)
    if not with_results:
        broker.fill(worker.queue, worker.task, 1, False)
    broker.results.clear()
    expected = count if with_results else 1
    cpu, start = worker.cpu_seconds(), time.monotonic()
    worker.thaw()
    if not wait_until(lambda: broker.results.count() >= expected, worker, seconds=LONGEST_DRAIN):
        count -= broker.waiting(worker.queue)
    seconds = time.monotonic() - start
    broker.clear(worker.queue)
    # What is cleaned up after the last task belongs to the tasks too.
    time.sleep(0.2)
    return count / seconds, (worker.cpu_seconds() - cpu) / count * 10_000


def drain(broker, figures, sizes, say):
    runs = [("drain", False), ("drain+results", True)]
    with running(broker) as workers:
        for turn in range(sizes.turns * FAST_RUNS):
            for name, with_results in runs:
                for worker in workers:
                    count = sizes.drain_fast
                    if worker.kind != "swift":
                        if turn % FAST_RUNS:
                            continue
                        # As many as take about two seconds.
                        known = figures(broker.name, name, worker.kind)
                        count = min(max(200, int(1.5 * known)), 5000) if known else sizes.drain_first
                    rate, cpu = drain_worker(broker, worker, count, with_results)
                    note_drain(broker, figures, say, name, worker.kind, rate, cpu)
                for column, prefetch in (("c8", CONCURRENCY * PREFETCH_MULTIPLIER), ("c", READ_AHEAD)):
                    queue = "bench-c"
                    broker.clear(queue)
                    broker.fill(queue, "swift.mul", sizes.drain_fast, not with_results)
                    broker.results.clear()
                    done = run_json(broker.drain_command(queue, sizes.drain_fast, prefetch, with_results))
                    note_drain(
                        broker, figures, say, name, column, done["count"] / done["seconds"],
                        done["cpu"] / done["count"] * 10_000)


def note_drain(broker, figures, say, name, column, rate, cpu):
    figures.add(broker.name, name, column, rate)
    figures.add(broker.name, f"{name} cpu", column, cpu)
    say(f"{name}, {column}: {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000")


def publish(broker, figures, sizes, say):
    queue, task = "bench-publish", "swift.mul"
    clients = {"python": PYTHON_CLIENT, "swift": SWIFT_CLIENT}
    if broker.name == "rabbitmq":
        clients["python confirmed"] = PYTHON_CLIENT

    def note(callers, column, done):
        name, rate = f"publish {callers}", done["count"] / done["seconds"]
        cpu = done["cpu"] / done["count"] * 10_000
        figures.add(broker.name, name, column, rate)
        figures.add(broker.name, f"{name} cpu", column, cpu)
        say(f"{name}, {column}: {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000")

    for turn in range(sizes.turns * FAST_RUNS):
        for callers in (1, 64):
            for column, client in [*clients.items(), ("c", None)]:
                if column.startswith("python") and turn % FAST_RUNS:
                    continue
                count = sizes.publish_python
                if column in ("swift", "c") and (callers > 1 or broker.name == "redis"):
                    count = sizes.publish_fast
                elif broker.name == "rabbitmq" and callers == 1 and column != "python":
                    count = sizes.publish_confirmed
                broker.clear(queue)
                if client is None:
                    note(callers, column, broker.fill(queue, task, count, True, window=callers))
                else:
                    note(callers, column, run_json([
                        *client, "publish", broker.url, queue, task, str(count), str(callers),
                        *(["confirm"] if column == "python confirmed" else [])]))
        # Without any waiting: what the broker takes.
        broker.clear(queue)
        note(64, "most", broker.fill(queue, task, sizes.publish_fast, True, window=sizes.publish_fast))
    broker.clear(queue)


def latency(broker, figures, sizes, say):
    """In short turns: a machine that others use too has quicker and slower seconds, and all are to have some of both."""
    with running(broker) as workers:
        for _ in range(sizes.turns * sizes.latency // TRIPS):
            for worker in workers:
                for client, command in (("python", PYTHON_CLIENT), ("swift", SWIFT_CLIENT)):
                    for kind, pause in PAUSES.items():
                        done = run_json([
                            *command, "latency", broker.url, broker.results.url, worker.queue, worker.task,
                            str(TRIPS), str(pause)])
                        note_trips(broker, figures, say, kind, client, worker.kind, done["trips"])
                        if pause:
                            for value in done["starts"]:
                                figures.add(broker.name, f"starts by {client}", worker.kind, value * 1000)
            queue = "bench-c"
            for kind, pause in PAUSES.items():
                broker.clear(queue)
                done = run_json(broker.trip_command(queue, TRIPS, pause))
                note_trips(broker, figures, say, kind, "c", "c", done["trips"])


def note_trips(broker, figures, say, kind, client, column, seconds):
    for value in seconds:
        figures.add(broker.name, f"{kind} trips by {client}", column, value * 1000)
    say(f"latency, {column}: {kind} round trip from {client} {statistics.median(seconds) * 1000:.2f} ms")


def startup(broker, figures, sizes, say):
    """A fresh worker: the time to its first task, then its memory with tasks that wait for their eta."""
    for _ in range(sizes.turns):
        for kind in WORKERS:
            worker = Worker(kind, broker.url, broker.results.url, prefetch_multiplier=1000)
            broker.clear(worker.queue)
            broker.results.clear()
            broker.fill(worker.queue, worker.task, 1, False)
            begin = time.monotonic()
            with worker:
                require(lambda: broker.results.count() >= 1, worker)
                seconds = time.monotonic() - begin
                figures.add(broker.name, "first task", kind, seconds)
                # Soon enough for a Swift worker not to leave them with the broker, late enough for none to run.
                run_json([*PYTHON_CLIENT, "later", broker.url, worker.queue, worker.task, "1000", "50"])
                require(lambda: broker.waiting(worker.queue) == 0, worker, seconds=20)
                time.sleep(0.5)
                memory = worker.memory()
                if others := strangers("/libswiftCore.so", worker.processes()) if kind == "swift" else []:
                    figures.notes.add(
                        f"The PSS of celery-swift is too small by up to {memory['rss'] - memory['pss']:.0f} MB: "
                        f"other Swift programs were running, {', '.join(map(str, others))}.")
            for key, value in memory.items():
                figures.add(broker.name, f"memory {key}", kind, value)
            say(f"start, {kind}: first task after {seconds:.2f} s; with 1,000 waiting {memory['pss']:.1f} MB PSS")
            broker.clear(worker.queue)
