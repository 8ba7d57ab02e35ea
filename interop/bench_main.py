"""Measures Celery, celery-swift and C loops side by side; see interop/bench."""
import argparse
import contextlib
import dataclasses
import sys
import time

import bench_measures as measures
import servers
from bench_brokers import open_broker

MEASUREMENTS = {"drain": measures.drain}


@dataclasses.dataclass
class Sizes:
    """How much is measured."""
    turns: int = 3
    drain_celery: int = 3000
    drain_swift: int = 20_000
    drain_c: int = 20_000


QUICK = Sizes(turns=1, drain_celery=1500, drain_swift=10_000, drain_c=10_000)


def main():
    parser = argparse.ArgumentParser(prog="interop/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs, under 3 minutes")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], help="only this broker")
    parser.add_argument("--only", choices=list(MEASUREMENTS), help="only this measurement")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    options = parser.parse_args()
    sizes = QUICK if options.quick else Sizes()
    figures = measures.Figures()
    begin = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    for name in [options.broker] if options.broker else ["redis", "rabbitmq"]:
        with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            for measurement in [options.only] if options.only else MEASUREMENTS:
                say(f"{name}: {measurement}")
                MEASUREMENTS[measurement](broker, figures, sizes, say)
    for key, samples in figures.samples.items():
        print(*key, figures(*key))


if __name__ == "__main__":
    sys.exit(main())
