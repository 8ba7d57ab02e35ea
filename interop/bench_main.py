"""Runs the measurements and prints the tables; see bench_options.py for what is measured and how."""
import contextlib
import os
import shutil
import sys
import tempfile
import time

import bench_measures
import bench_report
import servers
from bench_brokers import open_broker
from bench_options import MEASUREMENTS, QUICK, Sizes, parse


MEMORY = "/dev/shm"


def main():
    options = parse()
    if not options.disk and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1 << 30:
        # Here the servers make their folders.
        tempfile.tempdir = MEMORY
    sizes = QUICK if options.quick else Sizes()
    figures = bench_measures.Figures()
    begin = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    brokers = [options.broker] if options.broker else ["redis", "rabbitmq"]
    for name in brokers:
        with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            for measurement in [options.only] if options.only else MEASUREMENTS:
                say(f"{name}: {measurement}")
                getattr(bench_measures, measurement)(broker, figures, sizes, say)
    for name in brokers:
        bench_report.tables(name, figures)
    for note in sorted(figures.notes):
        print(f"\n{note}")
    missed = bench_report.targets(brokers, figures)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, TimeoutError) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
