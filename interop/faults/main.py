"""Tasks while workers, brokers and connections suffer. None may be lost, stuck, or started twice without reason.

kills     workers are killed and started again, Swift and Python ones on one queue
chords    workers are killed while chords run, whose bodies must run once; --tasks are the chords
cuts      connections are cut at random; RabbitMQ closes all of them
windows   the same with one task at a time and a full window of held ones
outages   the broker is killed and comes back after 3, 30 and 120 s (Redis with an append-only file)
stops     the same, but the broker is stopped in order
pauses    the broker and the workers are stopped by SIGSTOP and go on
timeouts  beside Python workers with visibility timeouts of 60, 300, 3,600 and 43,200 s on queues of their own
fleet     what a Python fleet with a timeout of 43,200 s holds, beside Swift workers that were told it, and were not

Each on both brokers, as far as it makes sense, with late and with early acknowledgement.
"""
import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time

from faults import timeouts
from faults.chords import ChordsRun
from faults.connections import ConnectionsRun
from faults.disruptions import MODES
from faults.kills import KillsRun
from fleet import junit, program, redis_log, servers, workers

KINDS = ["redis", "rabbitmq"]
ACKS = ["late", "early"]
# `fleet` is the other way round of `timeouts`. Those that take longest come first.
ALL = ["outages", "stops", "kills", "chords", "fleet", "timeouts", "windows", "cuts", "pauses"]
assert set(MODES) < set(ALL)
# With these a short run has one kind of acknowledgement only.
SHORT_ACKS = {"stops": ["early"], "pauses": ["late"]}
# Of a long and a short run.
DEFAULTS = {
    "tasks": ({"kills": 10_000, "timeouts": 2000, "chords": 200, "others": 5000},
              {"kills": 1000, "timeouts": 400, "chords": 50, "others": 400}),
    "seconds": (900, 150), "outages": ([3, 30, 120], [2, 7]), "longest_pause": (15, 3), "longest_eta": (180, 20),
    "longest_sleep": (90, 15), "look": (60, 15), "jobs": (1, 8)}


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/chaos", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--broker", choices=KINDS, help="only this one")
    parser.add_argument("--mode", choices=ALL, action="append", help="only this one; may be said again")
    parser.add_argument("--acks", choices=ACKS, help="only late or only early acknowledgement")
    parser.add_argument("--short", action="store_true", help="a few minutes in all: fewer tasks, shorter outages, eight at a time")
    parser.add_argument("--tasks", type=int, help="in each run (10,000 with kills, 2,000 with timeouts, 200 with chords, else 5,000)")
    parser.add_argument("--seconds", type=float, help="the longest that one run may take (900)")
    parser.add_argument("--outages", type=lambda text: [float(each) for each in text.split(",")],
                        help="how long the broker is away, in seconds, one after the other (3,30,120)")
    parser.add_argument("--longest-pause", type=float, help="pauses: seconds that a process is stopped for at most (15)")
    parser.add_argument("--longest-eta", type=float, help="timeouts: seconds that a task waits for at most (180)")
    parser.add_argument("--longest-sleep", type=float, help="timeouts: seconds that a task takes at most (90)")
    parser.add_argument("--look", type=float, help="fleet: seconds in which a worker looks for what is overdue (60)")
    parser.add_argument("--concurrency", type=int, default=64, help="timeouts: tasks at a time in each of the two workers (64)")
    parser.add_argument("--held", type=int, default=200, help="fleet: tasks that Python holds (200)")
    parser.add_argument("--jobs", type=int, help="so many runs at a time (1)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    options = parser.parse_args()
    for name, values in DEFAULTS.items():
        if getattr(options, name) is None:
            setattr(options, name, values[options.short])
    return options


def run(mode, kind, acks, options, report):
    """One run. A server of its own, and a Redis of its own for the results."""
    if isinstance(options.tasks, dict):
        options = argparse.Namespace(**{**vars(options), "tasks": options.tasks.get(mode, options.tasks["others"])})
    if mode == "timeouts":
        return timeouts.run(options, acks, report)
    if mode == "fleet":
        return timeouts.run_fleet(options, report)
    broker = servers.Redis(arguments=redis_log.ARGUMENTS) if kind == "redis" else servers.RabbitMQ()
    with broker as server, servers.Redis(arguments=redis_log.ARGUMENTS) as results:
        if mode == "kills":
            KillsRun(kind, server, results, acks, options).run(report)
        elif mode == "chords":
            ChordsRun(kind, server, results, options).run(report)
        else:
            ConnectionsRun(kind, server, results, mode, acks, options).run(report)


def runs(options):
    """(mode, broker, acknowledgement) of each run that is wanted."""
    for mode in options.mode or ALL:
        for kind in [options.broker] if options.broker else KINDS:
            if kind == "rabbitmq" and mode in ("timeouts", "fleet"):
                continue
            if mode in ("fleet", "chords"):
                # Nothing runs with the fleet; a task of a chord that is acknowledged early is lost with its worker, and so the chord.
                yield mode, kind, "late"
                continue
            for acks in [options.acks] if options.acks else SHORT_ACKS.get(mode, ACKS) if options.short else ACKS:
                yield mode, kind, acks


def main():
    options = parse()
    report = junit.Report("chaos", options.junit_xml)
    with servers.signals_as_exceptions():
        if options.jobs == 1:
            for mode, kind, acks in runs(options):
                run(mode, kind, acks, options, report)
        else:
            run_in_parallel(list(runs(options)), options, report)
    return report.write()


def run_in_parallel(wanted, options, report):
    """Each run in a process of its own, a few at a time: they sleep for the most part."""
    # Their own arguments, without those that tell which runs and where to report.
    given = vars(options)
    shared = ["--jobs", "1", "--outages", ",".join(map(str, options.outages)), *(["--short"] if options.short else [])]
    for name in ["tasks", "seconds", "longest_pause", "longest_eta", "longest_sleep", "look", "concurrency", "held", "seed"]:
        if not isinstance(given[name], dict):
            shared += [f"--{name.replace('_', '-')}", str(given[name])]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        running, number = {}, 0
        while wanted or running:
            while wanted and len(running) < options.jobs:
                mode, kind, acks = wanted.pop(0)
                number += 1
                path = os.path.join(folder, f"{number}.xml")
                process = stack.enter_context(ended(subprocess.Popen(
                    [sys.executable, "-m", "faults.main", "--mode", mode, "--broker", kind, "--acks", acks, *shared,
                     "--junit-xml", path], stdin=subprocess.DEVNULL)))
                running[process] = path, f"chaos, {kind}, {mode}, {acks}"
            time.sleep(0.1)
            for process in [each for each in running if each.poll() is not None]:
                path, name = running.pop(process)
                if not report.take(path):
                    report.case(name, f"ended with status {process.returncode} and reported nothing")


@contextlib.contextmanager
def ended(process):
    """Asks the process to end with the block."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    program.run("chaos", main, servers.ServerError, workers.WorkerError)
