"""The drain of a worker that tells of its tasks beside that of one that does not, and whether all of it is heard (`--events`)."""
import collections
import contextlib
import json
import os
import signal
import statistics
import subprocess

from benchmarks.brokers import open_broker
from benchmarks.measures import drain_worker
from benchmarks.report import TITLES, number, print_rows
from benchmarks.workers import Worker, built, require
from fleet import servers

# With events a worker is to do so much of what it does without.
LEAST = 0.85
LIFE = ["task-received", "task-started", "task-succeeded"]


class TellingWorker(Worker):
    """`celery-swift worker`, with events of its tasks or without."""

    def __init__(self, name, broker, *options):
        super().__init__("swift", broker.url, broker.results.url)
        self.kind = name
        self.queue = f"bench-{name}"
        self.command = [
            built("celery-swift"), "worker", "-c", "2", "-Q", self.queue, "-l", "WARNING", "-n", f"{name}@bench", *options]


class Reader:
    """`celery-swift events --json`, and what it has heard."""

    def __init__(self, broker):
        self.path = os.path.join(broker.results.folder, "events")
        self.file = open(self.path, "w")
        self.process = subprocess.Popen(
            [built("celery-swift"), "events", "--json", "-b", broker.url], stdin=subprocess.DEVNULL, stdout=self.file,
            start_new_session=True, preexec_fn=servers._die_with_parent)
        # The heartbeats that it has asked for.
        require(lambda: os.path.getsize(self.path) > 0, pause=0.05)

    def lives(self):
        """The types of the events of each task, in the order in which they came."""
        lives = collections.defaultdict(list)
        with open(self.path) as file:
            for line in file:
                # The last line may not be whole.
                if line.endswith("\n") and "uuid" in (event := json.loads(line)):
                    lives[event["uuid"]].append(event["type"])
        return lives

    def ended(self):
        """How many tasks were heard to end."""
        return sum(life[-1:] == LIFE[-1:] for life in self.lives().values())

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.file.close()


def run(options, sizes, say):
    """Prints the table; whether the target was missed. An event that is lost or comes out of order is an error."""
    count, turns = (200, 1) if options.short else (sizes.drain_fast, 9)
    heard = 200 if options.short else 100_000
    lines = [["tasks with results per second", "without", "with", "ratio", "CPU ratio", "and a reader", ""]]
    missed = False
    for name in [options.broker] if options.broker else ["redis", "rabbitmq"]:
        with contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            workers = [stack.enter_context(TellingWorker("off", broker)), stack.enter_context(TellingWorker("on", broker, "-E"))]
            for worker in workers:
                broker.fill(worker.queue, worker.task, 4, False)
            require(lambda: broker.results.count() >= 4 * len(workers), pause=0.05)
            pairs = []
            for _ in range(turns):
                pairs.append([drain_worker(broker, worker, count, True) for worker in workers])
                say(f"{name}: " + ", ".join(
                    f"{worker.kind} {rate:,.0f}/s, {cpu:.2f} CPU s per 10,000"
                    for worker, (rate, cpu) in zip(workers, pairs[-1])))
            reader = Reader(broker)
            stack.callback(reader.close)
            read, rates = 0, []
            while read < heard:
                rates.append(drain_worker(broker, workers[1], count, True)[0])
                read += count
                require(lambda: reader.ended() >= read, pause=0.5)
            lives = reader.lives()
            wrong = [life for life in lives.values() if life != LIFE]
            if wrong or len(lives) != read:
                raise RuntimeError(
                    f"of {read} tasks {len(lives)} were heard, {len(wrong)} of them otherwise, such as {wrong[:1]}")
            say(f"{name}: of {read:,} tasks all {3 * read:,} events were heard, each task's in order")
        off, on = (statistics.median(pair[i][0] for pair in pairs) for i in (0, 1))
        # Of neighbours: the machine's moods last longer than a turn.
        ratio = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
        cpu = statistics.median(pair[1][1] / pair[0][1] for pair in pairs)
        missed = missed or ratio < LEAST
        lines.append([
            TITLES[name], number(off), number(on), f"{ratio:.2f}", f"{cpu:.2f}", number(statistics.median(rates)),
            "pass" if ratio >= LEAST else "FAIL"])
    print_rows(lines, texts={0, 6})
    return missed and not options.short
