"""Runs the measurements and prints the tables; see options.py for what is measured and how."""
import contextlib
import os
import shutil
import sys
import tempfile
import time

from benchmarks import canvas, events, growth, instructions, measures, middleware, report
from benchmarks.brokers import open_broker
from benchmarks.options import MEASUREMENTS, QUICK, SHORT, Sizes, parse
from fleet import program, servers


MEMORY = "/dev/shm"


def main():
    options = parse()
    if not options.disk and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1 << 30:
        # Here the servers make their folders.
        tempfile.tempdir = MEMORY
    sizes = SHORT if options.short else QUICK if options.quick else Sizes()
    figures = measures.Figures()
    begin = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    if options.growth:
        with servers.signals_as_exceptions():
            missed = growth.run(options, say)
        return 1 if options.check and missed else 0
    if options.instructions:
        with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
            missed = instructions.run(options, stack, say)
        return 1 if options.check and missed else 0
    if options.middleware:
        with servers.signals_as_exceptions():
            missed = middleware.run(options, sizes, say)
        return 1 if options.check and missed else 0
    if options.events:
        with servers.signals_as_exceptions():
            missed = events.run(options, sizes, say)
        return 1 if options.check and missed else 0
    if options.canvas:
        with servers.signals_as_exceptions():
            missed = canvas.run(options, say)
        return 1 if options.check and missed else 0
    brokers = [options.broker] if options.broker else ["redis", "rabbitmq"]
    for name in brokers:
        with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            for measurement in [options.only] if options.only else MEASUREMENTS:
                say(f"{name}: {measurement}")
                getattr(measures, measurement)(broker, figures, sizes, say)
    for name in brokers:
        report.tables(name, figures)
    for note in sorted(figures.notes):
        print(f"\n{note}")
    missed = 0 if options.short else report.targets(brokers, figures)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    program.run("bench", main, RuntimeError, TimeoutError)
