"""Random canvases, each run four times: on a fleet of Python workers and on one where each task goes to Python or to Swift, sent by
a Python client and by a Swift one. What becomes of it, calls, results, states and trees, must be the same as with Python alone.

The seed that is printed makes the same canvases again; `--seed N --only K` shows one of them.
"""
import argparse
import collections
import contextlib
import json
import random
import time

from canvases import outcome
from canvases.fleets import MIXED, PYTHON, SWIFT, Fleet
from canvases.generator import Generator, shown
from fleet import junit, program, servers, workers

KINDS = ["redis", "rabbitmq"]
# (client, fleet); the first is what the others are compared with.
RUNS = [(PYTHON, PYTHON), (SWIFT, PYTHON), (PYTHON, MIXED), (SWIFT, MIXED)]


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/canvas", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--broker", choices=KINDS, action="append", help="only this one; may be said again")
    parser.add_argument("--canvases", type=int, default=2000, help="so many for each broker (2,000)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--only", type=int, metavar="K", action="append", help="only this canvas, and how it ended in full")
    parser.add_argument("--batch", type=int, default=100, help="so many at a time (100)")
    parser.add_argument("--quiet", type=float, default=1.0, help="seconds without anything going on that mean the end (1)")
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    return parser.parse_args()


def run_batch(fleets, clients, canvases, quiet):
    """Runs the canvases, {name: description}, in all four ways. Returns {name: [outcome of each way]}."""
    answers = {}
    for client, fleet in RUNS:
        orders = [{"run": f"{client}:{name}", "canvas": canvas} for name, canvas in canvases.items()]
        answers[client, fleet] = clients[client, fleet].send(orders)
    for fleet in fleets.values():
        fleet.wait_until_at_rest(quiet, 120)
    outcomes = {}
    for name in canvases:
        outcomes[name] = []
        for client, fleet in RUNS:
            run = f"{client}:{name}"
            notes = [json.loads(note) for note in fleets[fleet].notes_client.lrange(run, 0, -1)]
            read = outcome.reader(fleets[fleet].results_client)
            outcomes[name].append(outcome.Outcome(answers[client, fleet][run], notes, read))
    return outcomes


def kind_of(difference):
    """The kind of a difference, in few words, whatever it happened to."""
    place, expected, actual = difference
    parts = place.split("/")
    if parts[1] == "results":
        place = "/".join(["", "results", "*", *parts[3:]])
    return f"{place}: {brief(expected)} became {brief(actual)}"


def brief(value):
    if isinstance(value, dict):
        return value.get("status") or f"call of {'an errback' if 'failed' in value or 'told' in str(value.get('task')) else 'a task'}"
    if isinstance(value, list):
        return "a list"
    return "a name" if isinstance(value, str) and value != "nothing" and not value.isupper() else str(value)


def run(kind, options, report):
    begin = time.monotonic()
    numbers = options.only or range(options.canvases)
    counts = collections.Counter()
    kinds = {}
    with contextlib.ExitStack() as stack:
        fleets = {name: stack.enter_context(Fleet(kind, name)) for name in (PYTHON, MIXED)}
        clients = {(client, fleet): stack.enter_context(fleets[fleet].client(client)) for client, fleet in RUNS}
        for start in range(0, len(numbers), options.batch):
            batch = numbers[start:start + options.batch]
            canvases = {str(number): Generator(f"{options.seed}/{number}").description() for number in batch}
            for name, outcomes in run_batch(fleets, clients, canvases, options.quiet).items():
                expected = outcomes[0].value
                counts["canvases"] += 1
                counts["calls"] += len(expected["calls"])
                for (client, fleet), found in zip(RUNS[1:], outcomes[1:]):
                    if problems := list(outcome.differences(expected, found.value)):
                        counts["differences"] += 1
                        for problem in problems:
                            examples = kinds.setdefault(kind_of(problem), [])
                            examples.append((len(shown(canvases[name])), name, client, fleet, problem))
                        if options.only:
                            print(f"\n{kind}, canvas {name}, {client} client, {fleet} fleet:")
                            for place, left, right in problems:
                                print(f"  {place}\n    expected {json.dumps(left)}\n    got      {json.dumps(right)}")
                if options.only:
                    print("\n".join(shown(canvases[name])))
                    print(json.dumps(expected, indent=1))
            print(f"{start + len(batch)} canvases, {time.monotonic() - begin:.1f} s", flush=True)
    for words, examples in sorted(kinds.items(), key=lambda item: -len(item[1])):
        _, name, client, fleet, (place, left, right) = min(examples, key=lambda each: each[0])
        print(f"\n{len(examples)} times {words}; canvas {name}, {client} client, {fleet} fleet", collections.Counter(e[2:4] for e in examples))
        print("\n".join(shown(Generator(f"{options.seed}/{name}").description())))
        print(f"  {place}\n    expected {json.dumps(left)}\n    got      {json.dumps(right)}")
    print(f"{kind}: {dict(counts)}, {time.monotonic() - begin:.1f} s", flush=True)


def main():
    options = parse()
    print(f"seed {options.seed}", flush=True)
    report = junit.Report("canvas", options.junit_xml)
    with servers.signals_as_exceptions():
        for kind in options.broker or KINDS:
            run(kind, options, report)
    return report.write()


if __name__ == "__main__":
    program.run("canvas", main, servers.ServerError, workers.WorkerError)
