"""The drain of a worker with metrics and traces beside that of the same worker without (`--middleware`)."""
import contextlib
import os
import statistics

from benchmarks.brokers import open_broker
from benchmarks.measures import drain_worker
from benchmarks.report import TITLES, number, print_rows
from benchmarks.workers import Worker, built, require

# With both the worker is to do so much of what it does without.
LEAST = 0.8
TURNS = 9
# All spans are made, and one in so many is written: where they go is not ours to measure.
EVERY = 100


class WatchedWorker(Worker):
    """`watched-worker`, with its middleware or without."""

    def __init__(self, name, broker, spans=None):
        super().__init__("swift", broker.url, broker.results.url)
        self.kind = name
        self.queue = f"bench-{name}"
        self.command = [built("watched-worker"), "-c", "2", "-Q", self.queue, "-l", "WARNING", "-n", f"{name}@bench"]
        if spans:
            self.environment.update(WATCHED_SPANS=spans, WATCHED_SPANS_EVERY=str(EVERY))


def run(options, sizes, say):
    """Prints the table; whether the target was missed."""
    lines = [["tasks with results per second", "without", "with both", "ratio", "CPU ratio", ""]]
    missed = False
    for name in [options.broker] if options.broker else ["redis", "rabbitmq"]:
        with contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            spans = os.path.join(broker.results.folder, "spans")
            workers = [
                stack.enter_context(WatchedWorker("without", broker)),
                stack.enter_context(WatchedWorker("with", broker, spans))]
            for worker in workers:
                broker.fill(worker.queue, worker.task, 4, False)
            require(lambda: broker.results.count() >= 4 * len(workers), pause=0.05)
            turns = []
            for _ in range(TURNS):
                turns.append([drain_worker(broker, worker, sizes.drain_fast, True) for worker in workers])
                say(f"{name}: " + ", ".join(
                    f"{worker.kind} {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000"
                    for worker, (rate, cpu) in zip(workers, turns[-1])))
            with open(spans) as file:
                count = sum(1 for _ in file)
            if count < TURNS * sizes.drain_fast // EVERY:
                raise RuntimeError(f"only {count} spans were written")
        without, both = (statistics.median(turn[i][0] for turn in turns) for i in (0, 1))
        # Of neighbours: the machine's moods last longer than a turn.
        ratio = statistics.median(turn[1][0] / turn[0][0] for turn in turns)
        cpu = statistics.median(turn[1][1] / turn[0][1] for turn in turns)
        missed = missed or ratio < LEAST
        lines.append([
            TITLES[name], number(without), number(both), f"{ratio:.2f}", f"{cpu:.2f}",
            "pass" if ratio >= LEAST else "FAIL"])
    print_rows(lines, texts={0, 5})
    return missed
