"""The measurements. Each takes a broker and the workers, and notes its samples in a `Figures`."""
import collections
import contextlib
import statistics
import time

from bench_brokers import run_json
from bench_workers import CONCURRENCY, PREFETCH_MULTIPLIER, WORKERS, Worker, wait_until


class Figures:
    """Samples by broker, measurement and column; the figure is their median."""

    def __init__(self):
        self.samples = collections.defaultdict(list)

    def add(self, broker, name, column, value):
        self.samples[broker, name, column].append(value)

    def __call__(self, broker, name, column):
        samples = self.samples.get((broker, name, column))
        return statistics.median(samples) if samples else None


@contextlib.contextmanager
def running(broker, kinds=WORKERS):
    """Workers that have run one task each and are idle."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(kind, broker.url, broker.results.url)) for kind in kinds]
        for worker in workers:
            broker.fill(worker.queue, worker.task, 4, False)
        wait_until(lambda: broker.results.count() >= 4 * len(workers), seconds=60, pause=0.05)
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
    wait_until(lambda: broker.results.count() >= expected, worker)
    seconds = time.monotonic() - start
    # What is cleaned up after the last task belongs to the tasks too.
    time.sleep(0.2)
    return count / seconds, (worker.cpu_seconds() - cpu) / count * 10_000


def drain(broker, figures, sizes, say):
    runs = [("drain", False), ("drain+results", True)]
    with running(broker) as workers:
        for turn in range(sizes.turns):
            for name, with_results in runs:
                for worker in workers:
                    count = sizes.drain_swift if worker.kind == "swift" else sizes.drain_celery
                    rate, cpu = drain_worker(broker, worker, count, with_results)
                    figures.add(broker.name, name, worker.kind, rate)
                    figures.add(broker.name, f"{name} cpu", worker.kind, cpu)
                    say(f"{name} {worker.kind}: {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000")
                queue = "bench-c"
                broker.clear(queue)
                broker.results.clear()
                broker.fill(queue, "swift.mul", sizes.drain_c, not with_results)
                done = run_json(broker.drain_command(
                    queue, sizes.drain_c, CONCURRENCY * PREFETCH_MULTIPLIER, with_results))
                broker.clear(queue)
                rate, cpu = done["count"] / done["seconds"], done["cpu"] / done["count"] * 10_000
                figures.add(broker.name, name, "c", rate)
                figures.add(broker.name, f"{name} cpu", "c", cpu)
                say(f"{name} c: {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000")
