"""What chords, chains and their messages cost, by their size (`--canvas`)."""
import contextlib
import dataclasses

from benchmarks.brokers import open_broker
from benchmarks.canvas_runs import chain, chords, idle_worker, message_sizes
from benchmarks.report import TITLES, print_rows

# A chord of so many is to be so many times as fast as with prefork.
COMPARED, LEAST = 10_000, 20
# What a task of the largest chord costs may be so many times what a task more costs between the two smallest: what a chord
# costs whatever its size counts in neither.
MOST = 1.3
# Bytes per task of the header that the worker may have more at its peak: the body's argument is a list of all results, which
# is read from Redis, put into a message, read from the broker and decoded.
MOST_BYTES = 1000
# The same for the client beside its list of signatures, of which it makes the canvas; the messages are made as they are sent.
MOST_CLIENT_BYTES = 3000
# A message may have so many times as many bytes per task as the one of a smaller canvas.
MOST_GROWTH = 1.1
NAMES = {"swift": "celery-swift", "prefork": "prefork -c 2"}
CLIENTS = {"swift": "celery-swift", "python": "Celery"}


@dataclasses.dataclass
class Sizes:
    """How large they get; how often the smaller ones are sent: chords with so many tasks in all."""
    chords: tuple = (100, 1000, 10_000, 100_000)
    # Of prefork with Python's client.
    python_chords: tuple = (100, 1000, 10_000)
    tasks: int = 20_000
    python_tasks: int = 2000
    chain: int = 1000
    lengths: tuple = (10, 100, 1000)
    depths: tuple = (1, 2, 4, 8)


QUICK = Sizes(tasks=10_000, python_tasks=1000)
# To see that everything runs.
SHORT = Sizes(
    chords=(10, 100, 400), python_chords=(10,), tasks=100, python_tasks=10, chain=20, lengths=(10, 20), depths=(1, 2))


def run_chords(broker, sizes, say):
    """What chords of each size have cost the worker of each kind."""
    spent = {}
    for kind, counts, tasks in (
            ("prefork", sizes.python_chords, sizes.python_tasks), ("swift", sizes.chords, sizes.tasks)):
        with idle_worker(kind, broker) as worker:
            for count in counts:
                spent[kind, count] = one = chords(worker, broker, count, max(1, tasks // count))
                say(f"{broker.name}: {NAMES[kind]}, {count:,} tasks: {one.running:.3f} s")
    return spent


def print_chords(title, spent):
    print_rows([
        [f"chords, {title}", "tasks", "running s", "tasks/s", "sending s", "both at once s", "worker CPU us/task",
         "Redis CPU us/task", "Redis commands/task", "worker peak MB", "client CPU us/task", "client peak MB"],
        *([NAMES[kind], f"{one.size:,}", f"{one.running:.3f}", f"{one.size / one.running:,.0f}",
           f"{one.sending:.3f}", f"{one.whole:.3f}", f"{one.worker_cpu * 1e6:.1f}", f"{one.redis_cpu * 1e6:.1f}",
           f"{one.commands:.2f}", f"{one.worker_peak:.1f}", f"{one.client_cpu * 1e6:.1f}", f"{one.client_peak:.1f}"]
          for (kind, _), one in spent.items())])


def judge_chords(title, spent):
    """Lines of what is compared; the last cell says whether it is as it should be."""
    ours = {size: one for (kind, size), one in spent.items() if kind == "swift"}
    theirs = {size: one for (kind, size), one in spent.items() if kind == "prefork"}
    compared = min(COMPARED, max(theirs))
    lines = []

    def add(what, value, limit, passed):
        lines.append([title, what, value, limit, "pass" if passed else "FAIL"])

    for label, name in (("running", "running"), ("sending and running", "whole")):
        ratio = getattr(theirs[compared], name) / getattr(ours[compared], name)
        add(f"{label}, times as fast as prefork at {compared:,}", f"{ratio:.1f}", f">= {LEAST}", ratio >= LEAST)
    small, next_small, *_, large = sorted(ours)
    for label, name in (("worker CPU", "worker_cpu"), ("Redis CPU", "redis_cpu"), ("Redis commands", "commands")):
        ratio = getattr(ours[large], name) / marginal(ours[small], ours[next_small], name)
        add(f"{label} per task at {large:,}, by that of a task more up to {next_small:,}", f"{ratio:.2f}", f"<= {MOST}",
            ratio <= MOST)
    for label, name, most in (
            ("worker", "worker_peak", MOST_BYTES), ("client", "client_peak", MOST_CLIENT_BYTES)):
        grown = (getattr(ours[large], name) - getattr(ours[small], name)) * 1024 * 1024 / (large - small)
        add(f"bytes per task that the {label} has more at its peak, {large:,}", f"{grown:,.0f}", f"<= {most:,}",
            grown <= most)
    return lines


def marginal(smaller, larger, name):
    """What each task costs that the larger chord has more."""
    cost = getattr(larger, name) * larger.size - getattr(smaller, name) * smaller.size
    return cost / (larger.size - smaller.size)


def run_chains(broker, sizes, say):
    """Rows of seconds; a chain that does not come to its end is an error."""
    rows = []
    for kind, clients in (("prefork", ["python"]), ("swift", ["python", "swift"])):
        with idle_worker(kind, broker) as worker:
            for client in clients:
                seconds = chain(worker, broker, sizes.chain, client)
                rows.append([TITLES[broker.name], NAMES[kind], CLIENTS[client], f"{sizes.chain:,}",
                             f"{seconds:.2f}"])
                say(f"{broker.name}: chain, {rows[-1]}")
    return rows


SHAPES = {
    "chain": "a chain of so many tasks: its first message",
    "chord": "a chord of so many tasks: each message",
    "chains": "a chord of so many chains of two: each message",
    "chords": "chords in headers, so deep: each message",
}
# In others each message has what is before and around it.
FLAT = {"chord", "chains"}


def run_sizes(broker, sizes, say):
    """Rows of bytes, and what is compared of ours."""
    canvases = [
        (shape, size) for shape in SHAPES for size in (sizes.depths if shape == "chords" else sizes.lengths)]
    theirs, ours = (message_sizes(broker, kind, canvases) for kind in ("python", "swift"))
    say(f"bytes of messages: {ours}")
    rows = [
        [SHAPES[shape], f"{size:,}", f"{theirs[shape, size]:,}", f"{ours[shape, size]:,}"] for shape, size in canvases]
    lines = []
    for shape, label in SHAPES.items():
        first, *_, last = (size for name, size in canvases if name == shape)
        limit = ours[shape, first] * MOST_GROWTH * (1 if shape in FLAT else last / first)
        is_fine = ours[shape, last] <= limit
        lines.append([
            "", f"{label}, bytes at {last:,}", f"{ours[shape, last]:,}", f"<= {limit:,.0f}",
            "pass" if is_fine else "FAIL"])
    return rows, lines


def run(options, say):
    """Prints the tables; returns how many targets were missed."""
    sizes = SHORT if options.short else QUICK if options.quick else Sizes()
    lines, chains, rows = [], [], []
    for name in [options.broker] if options.broker else ["redis", "rabbitmq"]:
        with contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            spent = run_chords(broker, sizes, say)
            print_chords(TITLES[name], spent)
            if not options.short:
                lines += judge_chords(TITLES[name], spent)
            chains += run_chains(broker, sizes, say)
            if name == "redis":
                rows, more = run_sizes(broker, sizes, say)
                lines += more
    print_rows([["chains", "worker", "client", "tasks", "s"], *chains], texts={0, 1, 2})
    if rows:
        print_rows([["bytes of messages on Redis", "", "Celery", "celery-swift"], *rows])
    if options.short:
        return 0
    print_rows([["", "", "is", "should be", ""], *lines], texts={0, 1, 4})
    return sum(line[-1] == "FAIL" for line in lines)
