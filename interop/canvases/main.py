"""Random canvases, each run four times: on a fleet of Python workers and on one where each task goes to Python or to Swift,
sent by a Python client and by a Swift one. What becomes of it, calls, results, states and trees, must be the same as with
Python alone.

The seed that is printed makes the same canvases again; `--seed N --only K` shows one of them. Those of cases.py are run first,
and are shown by their names. What is different because of a fault of Python's is counted by the faults of explained.py.
"""
import argparse
import json
import random
import time

from canvases import cases, explained
from canvases.comparison import RUNS, VARIES, Comparison, Counts
from canvases.generator import Generator, shown
from fleet import junit, program, servers, workers

KINDS = ["redis", "rabbitmq"]
# Of a long and a short run.
CANVASES = (2000, 60)
# Of the differences of one canvas.
MOST_SHOWN = 6


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/canvas", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--broker", choices=KINDS, action="append", help="only this one; may be said again")
    parser.add_argument("--canvases", type=int, help="so many random ones for each broker (2,000)")
    parser.add_argument("--short", action="store_true", help="60 for each broker, about a minute in all")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--only", metavar="K", action="append",
                        help="only this canvas, and how it ended in full; may be said again")
    parser.add_argument("--batch", type=int, default=150, help="so many at a time (150)")
    parser.add_argument("--quiet", type=float, default=1.0, help="seconds without anything going on that mean the end (1)")
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    options = parser.parse_args()
    if options.canvases is None:
        options.canvases = CANVASES[options.short]
    return options


def canvases(options):
    """{name: description} of all that are wanted, in order."""
    every = {name: canvas for case in cases.every() for name, canvas in case.canvases.items()}
    names = options.only or [*every, *map(str, range(options.canvases))]
    return {name: every.get(name) or Generator(f"{options.seed}/{name}").description() for name in names}


def run(kind, options, report):
    """All canvases on one broker."""
    begin = time.monotonic()
    wanted = canvases(options)
    counts, found = Counts(), {}
    with Comparison(kind, options.quiet) as comparison:
        names = list(wanted)
        for start in range(0, len(names), options.batch):
            batch = {name: wanted[name] for name in names[start:start + options.batch]}
            for name, (expected, verdicts) in comparison.verdicts(batch).items():
                counts.add(expected, verdicts)
                found[name] = verdicts
                if options.only:
                    show(kind, name, wanted[name], expected, verdicts)
                else:
                    show_problems(kind, name, wanted[name], verdicts)
            print(f"{kind}: {counts.canvases} of {len(names)} canvases, {time.monotonic() - begin:.0f} s", flush=True)
    report_cases(kind, found, options, report)
    print_counts(kind, counts, time.monotonic() - begin)


def report_cases(kind, found, options, report):
    """A case for each canvas of cases.py, and one for all random ones in each way."""
    for case in cases.every():
        verdicts = [verdict for name in case.canvases for verdict in found.pop(name, [])]
        if verdicts:
            report.case(f"{kind}, {case.name}", problem(case, verdicts), is_shown=False)
    for client, fleet in RUNS[1:] if found else []:
        problems = [
            f"canvas {name} of seed {options.seed}: {brief(verdict.problems[0])}"
            for name, verdicts in found.items() for verdict in verdicts
            if verdict.way == (client, fleet) and verdict.problems]
        report.case(f"{kind}, random canvases, {client} client, {fleet} fleet", "\n".join(problems), is_shown=False)


def problem(case, verdicts):
    """What is wrong with a canvas of cases.py, run in all ways."""
    if problems := [problem for verdict in verdicts for problem in verdict.problems]:
        return brief(problems[0])
    if case.fault and not any(case.fault in verdict.faults for verdict in verdicts):
        return f"Python does not show its fault any more: {case.fault}"
    return None


def brief(difference):
    place, expected, actual = difference
    return f"{place}: expected {json.dumps(expected)}, got {json.dumps(actual)}"


def show_problems(kind, name, canvas, verdicts):
    for verdict in verdicts:
        if verdict.problems:
            print(f"\n{kind}, canvas {name}, {verdict.way[0]} client, {verdict.way[1]} fleet:")
            print("\n".join(shown(canvas)))
            for place, expected, actual in verdict.problems[:MOST_SHOWN]:
                print(f"  {place}\n    expected {json.dumps(expected)}\n    got      {json.dumps(actual)}")
            if len(verdict.problems) > MOST_SHOWN:
                print(f"  and {len(verdict.problems) - MOST_SHOWN} more", flush=True)


def show(kind, name, canvas, expected, verdicts):
    """All of one canvas."""
    print(f"\n{kind}, canvas {name}")
    print("\n".join(shown(canvas)))
    print("\npython client, python fleet:")
    print_outcome(expected)
    for verdict in verdicts:
        is_same = verdict.actual == expected
        words = "the same" if is_same else ", ".join(sorted(verdict.faults))
        print(f"\n{verdict.way[0]} client, {verdict.way[1]} fleet: {words}")
        for each in verdict.problems:
            print(f"  DIFFERENT {brief(each)}")
        if not is_same:
            print_outcome(verdict.actual)


def print_outcome(value):
    if value["error"]:
        print(f"  {value['error']}")
    print(f"  tree {json.dumps(value['tree'])}")
    for call in value["calls"]:
        print(f"  call {json.dumps(call)}")
    for name, result in sorted(value["results"].items()):
        print(f"  result of {name}: {json.dumps(result)}")


def print_counts(kind, counts, seconds):
    print(f"\n{kind}: {counts.canvases} canvases with {counts.calls} calls, each run in {len(RUNS)} ways; "
          f"{counts.different} different, {seconds:.0f} s")
    sentences = {fault.name: fault.sentence for fault in [*explained.FAULTS, explained.SEVERAL]}
    sentences[VARIES] = "with Python alone it ends like that too, at times"
    for name, count in counts.faults.most_common():
        print(f"  {count:5} {name}: {sentences[name]}")
    print(flush=True)


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
