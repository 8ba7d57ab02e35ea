"""The runs of `interop/chaos`."""
import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time

from faults import timeouts
from faults.connections import ConnectionsRun
from faults.disruptions import MODES
from faults.kills import KillsRun
from fleet import junit, redis_log, servers, workers

KINDS = ["redis", "rabbitmq"]
ACKS = ["late", "early"]
# `fleet` is the other way round of `timeouts`.
ALL = ["kills", *MODES, "timeouts", "fleet"]
TASKS = {"kills": 10_000, "timeouts": 2000}


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=KINDS, help="only this one")
    parser.add_argument("--mode", choices=ALL, action="append", help="only this one; may be said again")
    parser.add_argument("--acks", choices=ACKS, help="only late or only early acknowledgement")
    parser.add_argument("--tasks", type=int, help="in each run (10,000 with kills, 2,000 with timeouts, else 5,000)")
    parser.add_argument("--seconds", type=float, default=900, help="the longest that one run may take")
    parser.add_argument("--outages", type=lambda text: [float(each) for each in text.split(",")], default=[3, 30, 120],
                        help="how long the broker is away, in seconds, one after the other (3,30,120)")
    parser.add_argument("--longest-pause", type=float, default=15, help="seconds that a process is stopped for at most")
    parser.add_argument("--longest-eta", type=float, default=180, help="timeouts: seconds that a task waits for at most")
    parser.add_argument("--longest-sleep", type=float, default=90, help="timeouts: seconds that a task takes at most")
    parser.add_argument("--concurrency", type=int, default=64, help="timeouts: tasks at a time in each of the two workers")
    parser.add_argument("--held", type=int, default=200, help="fleet: tasks that Python holds")
    parser.add_argument("--look", type=float, default=60, help="fleet: seconds in which a worker looks for what is overdue")
    parser.add_argument("--jobs", type=int, default=1, help="so many runs at a time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    return parser.parse_args()


def run(mode, kind, acks, options, report):
    """One run. A server of its own, and a Redis of its own for the results."""
    options = argparse.Namespace(**{**vars(options), "tasks": options.tasks or TASKS.get(mode, 5000)})
    if mode == "timeouts":
        return timeouts.run(options, acks, report)
    if mode == "fleet":
        return timeouts.run_fleet(options, report)
    broker = servers.Redis(arguments=redis_log.ARGUMENTS) if kind == "redis" else servers.RabbitMQ()
    with broker as server, servers.Redis(arguments=redis_log.ARGUMENTS) as results:
        if mode == "kills":
            KillsRun(kind, server, results, acks, options).run(report)
        else:
            ConnectionsRun(kind, server, results, mode, acks, options).run(report)


def runs(options):
    """(mode, broker, acknowledgement) of each run that is wanted."""
    for mode in options.mode or ALL:
        for kind in [options.broker] if options.broker else KINDS:
            if kind == "rabbitmq" and mode in ("timeouts", "fleet"):
                continue
            for acks in [options.acks] if options.acks else ACKS if mode != "fleet" else ["early"]:
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
    shared = [argument for name in ("tasks", "seconds", "longest_pause", "longest_eta", "longest_sleep", "concurrency", "held",
                                    "look", "seed") if (value := getattr(options, name)) is not None
              for argument in (f"--{name.replace('_', '-')}", str(value))]
    shared += ["--outages", ",".join(map(str, options.outages))]
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
    try:
        sys.exit(main())
    except (servers.ServerError, workers.WorkerError) as error:
        sys.exit(f"chaos: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
