"""Runs canvases in all four ways, and says what is different and why."""
import collections
import contextlib
import dataclasses
import json

from canvases import explained, outcome
from canvases.fleets import MIXED, PYTHON, SWIFT, Fleet

# (client, fleet); the first is what the others are compared with.
RUNS = [(PYTHON, PYTHON), (SWIFT, PYTHON), (PYTHON, MIXED), (SWIFT, MIXED)]


@dataclasses.dataclass
class Verdict:
    """What became of a canvas that was sent and run in one of the ways."""

    way: tuple
    actual: dict
    # Those that nothing explains, and the names of the faults that explain the others.
    problems: list
    faults: set


class Comparison:
    """The fleets on one broker, and their clients."""

    def __init__(self, kind, quiet):
        self.kind, self.quiet = kind, quiet
        self.turns = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.fleets = {name: Fleet(self.kind, name) for name in (PYTHON, MIXED)}
            for fleet in self.fleets.values():
                stack.enter_context(fleet)
            self.clients = {(client, fleet): stack.enter_context(self.fleets[fleet].client(client)) for client, fleet in RUNS}
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def outcomes(self, canvases):
        """Runs the canvases, {name: description}. Returns {name: [outcome in each way]}."""
        self.turns += 1
        self.answers = {}
        for client, fleet in RUNS:
            orders = [{"run": self.key(client, name), "canvas": canvas} for name, canvas in canvases.items()]
            self.answers[client, fleet] = self.clients[client, fleet].send(orders)
        return self.outcomes_at_rest(canvases, self.quiet)

    def outcomes_at_rest(self, names, quiet):
        """What has become of the canvases that were sent last, when nothing has happened for so many seconds."""
        for fleet in self.fleets.values():
            fleet.wait_until_at_rest(quiet)
        return {name: [self.outcome(client, fleet, name) for client, fleet in RUNS] for name in names}

    def key(self, client, name):
        return f"{client}:{self.turns}:{name}"

    def outcome(self, client, fleet, name):
        key = self.key(client, name)
        notes = [json.loads(note) for note in self.fleets[fleet].notes_client.lrange(key, 0, -1)]
        return outcome.Outcome(self.answers[client, fleet][key], notes, outcome.reader(self.fleets[fleet].results_client)).value

    def verdicts(self, canvases):
        """Runs the canvases and returns {name: (what Python alone makes of it, [verdict on each other way])}.

        Where something is different for no known reason, it is waited for longer, as a worker on a machine that has much to
        do may not have come to its next task. Then the canvas is run a few times more: what Python alone comes to at times
        is no difference either.
        """
        found = {name: judged(canvases[name], outcomes) for name, outcomes in self.outcomes(canvases).items()}
        if doubtful := doubts(canvases, found):
            late = self.outcomes_at_rest(doubtful, LONGER * self.quiet)
            found |= {name: judged(canvases[name], outcomes) for name, outcomes in late.items()}
            doubtful = doubts(canvases, found)
        for _ in range(REPEATS if doubtful else 0):
            for name, (again, *_) in self.outcomes(doubtful).items():
                for verdict in found[name][1]:
                    if verdict.problems and not judge(canvases[name], again, verdict.way, verdict.actual).problems:
                        verdict.problems = []
                        verdict.faults.add(VARIES)
        return found


def doubts(canvases, found):
    """The canvases that are different for no known reason."""
    return {name: canvases[name] for name, (_, verdicts) in found.items() if any(each.problems for each in verdicts)}


# How many times as long nothing may happen before an outcome counts that is different.
LONGER = 10
# How often Python alone may try to come to another outcome.
REPEATS = 4
VARIES = "Python varies"


def judged(canvas, outcomes):
    expected, *others = outcomes
    return expected, [judge(canvas, expected, way, actual) for way, actual in zip(RUNS[1:], others)]


def judge(canvas, expected, way, actual):
    case = explained.Case(canvas, expected, actual, way)
    verdict = Verdict(way, actual, [], set())
    for difference in outcome.differences(expected, actual):
        if fault := explained.fault(case, difference):
            verdict.faults.add(fault.name)
        else:
            verdict.problems.append(difference)
    return verdict


class Counts:
    """What is said at the end: canvases, calls, and how many canvases each fault of Python's has made different."""

    def __init__(self):
        self.canvases = self.calls = self.different = 0
        self.faults = collections.Counter()

    def add(self, expected, verdicts):
        self.canvases += 1
        self.calls += len(expected["calls"])
        self.different += any(verdict.problems for verdict in verdicts)
        self.faults.update(set().union(*(verdict.faults for verdict in verdicts)))
