"""The run of `interop/mutate`."""
import argparse
import contextlib
import json
import math
import os
import random
import sys
import time

from fleet import junit, program, servers, workers
from fleet.paths import ROOT
from mutations.brokers import SIDES
from mutations.combined import combined
from mutations.log import LogReader
from mutations.values import WRONG, specials

# Of what is not a replaced value: flipped bits, cuts, hostile messages of our own, and several faults at once.
KINDS = ["flipped"] * 4 + ["cut"] * 4 + ["special"] * 2 + ["combined"] * 10
BATCH = 500
# So many messages wait in the queue at most, and so many valid calls are without an answer.
LONGEST_QUEUE = 4000
VALID_EVERY = 200
ADD = b'[[%d, 1], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


class Generator:
    """The messages of a run, in an order that the seed decides: first each value in each place as far as the number
    allows, mixed with the other kinds."""

    def __init__(self, mutants, count, seed, skipped):
        self.mutants, self.count = mutants, count
        self.random = random.Random(seed)
        self.places = [(template, place) for template in mutants.templates for place in template.places]
        self.replacements = len(self.places) * len(WRONG)
        # A twentieth is of the other kinds, and more where the replacements are a choice anyway.
        self.wanted = self.replacements if self.replacements <= count * 19 // 20 else count * 4 // 5
        # Visits every replacement once, far from in order.
        self.stride = next(number for number in range(int(self.replacements * 0.618), self.replacements)
                           if math.gcd(number, self.replacements) == 1)
        self.specials = [row for row in specials() if not any(text in row[0] for text in skipped)]
        # Each is sent at least once.
        self.unseen = list(self.specials)
        self.weights = [row[1] for row in self.specials]
        self.number = 0
        # A bit makes the next century of this one, and a run does not wait for that.
        self.whole_templates = [each for each in mutants.templates if '"eta": "' not in json.dumps(each.document)]

    def identifier(self):
        self.number += 1
        return f"{self.number:08x}-feed-4000-8000-000000000000"

    def messages(self):
        """(what it is, the message)"""
        done = 0
        for number in range(self.count):
            if done * self.count < self.wanted * (number + 1) and done < self.wanted:
                done += 1
                yield self.replacement(done * self.stride % self.replacements)
            else:
                yield getattr(self, self.random.choice(KINDS))()

    def replacement(self, index):
        place, value = divmod(index, len(WRONG))
        template, place = self.places[place]
        document, raw = template.mutant(place, WRONG[value])
        return (f"{template.name}: {'.'.join(map(str, place))} = {repr(WRONG[value])[:60]}",
                self.mutants.render(template, document, raw, self.identifier()))

    def whole(self):
        template = self.random.choice(self.whole_templates)
        return template.name, self.mutants.render(template, template.document, None, self.identifier())

    def flipped(self):
        name, message = self.whole()
        return f"{name}: flipped bits", self.mutants.flipped(message, self.random)

    def cut(self):
        name, message = self.whole()
        return f"{name}: cut", self.mutants.cut(message, self.random)

    def special(self):
        if self.unseen:
            row = self.unseen.pop()
        else:
            row = self.random.choices(self.specials, self.weights)[0]
        name, _, headers, body, content_type, encoding = row
        return name, self.mutants.call(self.identifier(), headers, body, content_type, encoding)

    def combined(self):
        name, headers, properties, body = combined(self.random)
        return name, self.mutants.call(self.identifier(), headers, body, properties=properties)


class Run:
    """One broker: sends, waits for the answers to valid calls, and watches the worker."""

    def __init__(self, kind, options, stack):
        self.kind, self.options = kind, options
        self.side = SIDES[kind](stack)
        self.mutants = self.side.mutants_type()
        self.generator = Generator(self.mutants, options.messages, options.seed, options.skip)
        self.worker = stack.enter_context(workers.SwiftWorker(
            self.side.broker, self.side.backend, ["celery"], f"mutate-{kind}", ["-c", "4", *options.worker]))
        self.worker.wait_until_ready()
        self.log = LogReader(self.worker.log_path)
        self.open = {}
        self.valid = 0
        self.problems = []
        self.peak = 0
        self.recent = []
        self.last_progress = time.monotonic()

    def say(self, text):
        print(f"mutate: {self.kind}: {text}", flush=True)

    def run(self):
        begin = said = time.monotonic()
        self.say(f"{self.options.messages} messages; {self.generator.replacements} replacements in "
                 f"{len(self.mutants.templates)} captured ones, {self.generator.wanted} of them here; "
                 f"seed {self.options.seed}")
        batch, sent = [], 0
        for what, message in self.generator.messages():
            batch.append(message)
            self.recent.append((what, message))
            sent += 1
            if sent % VALID_EVERY == 0:
                batch.append(self.valid_call())
            if len(batch) >= BATCH:
                self.side.send(batch)
                batch = []
                if not self.keep_up():
                    break
            if time.monotonic() - said > 20:
                said = time.monotonic()
                self.say(f"{sent} sent, {self.log.refusals} refused, {self.peak // 1024} MB at most, "
                         f"{sent / (said - begin):.0f}/s")
        else:
            if batch:
                self.side.send(batch)
            self.finish()
        seconds = time.monotonic() - begin
        self.judge(sent, seconds)
        return seconds

    def valid_call(self):
        self.valid += 1
        identifier = f"valid-{self.kind}-{self.valid}"
        self.open[identifier] = self.valid + 1
        return self.mutants.call(identifier, body=ADD % self.valid)

    def look(self):
        """Takes answers and looks at the worker. False when it has ended."""
        self.log.read()
        for identifier, value in self.side.answers(self.open).items():
            if identifier not in self.open:
                continue
            expected = self.open.pop(identifier)
            self.last_progress = time.monotonic()
            if value != expected:
                self.problems.append(f"{identifier}: {value!r} and not {expected}")
        if not self.worker.is_running:
            return False
        with open(f"/proc/{self.worker.process.pid}/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        self.peak = max(self.peak, int(line.split()[1]))
        return True

    def keep_up(self):
        """Waits until the queue is short. False when the worker has ended or stands still."""
        fewest = None
        while True:
            if not self.look():
                return False
            waiting = self.side.waiting()
            if waiting < LONGEST_QUEUE:
                del self.recent[:-2 * LONGEST_QUEUE]
                return True
            if fewest is None or waiting < fewest:
                fewest = waiting
                self.last_progress = time.monotonic()
            if time.monotonic() - self.last_progress > self.options.stall:
                self.problems.append(f"STALLED: {waiting} messages wait, and none was taken for {self.options.stall} s")
                return False
            time.sleep(0.02)

    def finish(self):
        """All is sent: everything is answered, and nothing is left."""
        deadline = time.monotonic() + self.options.stall
        while self.look() and self.open and time.monotonic() < max(deadline, self.last_progress + self.options.stall):
            time.sleep(0.05)
        deadline = time.monotonic() + self.options.stall
        while self.look() and any((left := self.side.left()).values()):
            if time.monotonic() > deadline:
                self.problems.append(f"left after {self.options.stall} s: {left}, {self.side.example()}")
                return
            time.sleep(0.2)

    def judge(self, sent, seconds):
        if self.worker.is_running:
            begin = time.monotonic()
            try:
                status = self.worker.stop(20)
                if status:
                    self.problems.append(f"the worker ended with status {status}")
            except workers.WorkerError:
                self.problems.append("the worker did not end within 20 s after SIGTERM")
            self.say(f"ended {time.monotonic() - begin:.1f} s after SIGTERM")
        else:
            self.problems.append(f"the worker CRASHED with status {self.worker.process.poll()}: "
                                 f"{self.worker.log()[-600:]}")
        self.log.read()
        if self.problems:
            self.keep_recent()
        if self.open:
            names = ", ".join(list(self.open)[:5])
            self.problems.append(f"{len(self.open)} of {self.valid} valid calls were not answered: {names}")
        average = self.log.refusal_bytes / max(1, self.log.refusals)
        self.say(f"{sent} messages in {seconds:.0f} s ({sent / seconds:.0f}/s), {self.valid} valid calls between them; "
                 f"{self.log.refusals} refusals, {self.side.dead} put aside; at most {self.peak / 1024:.0f} MB; "
                 f"{average:.0f} bytes of log for a refused message, {self.log.largest[0]} at most")
        if self.options.verbose:
            for text, count in self.log.warnings.most_common(25):
                self.say(f"    {count:>8} {text}")
        if self.peak > self.options.memory * 1024:
            self.problems.append(f"{self.peak / 1024:.0f} MB of memory, not {self.options.memory}")
        if self.log.largest[0] > self.options.log_bytes:
            self.problems.append(f"{self.log.largest[0]} bytes of log for one message: {self.log.largest[1]}")
        if self.log.broken:
            self.problems.append(f"{len(self.log.broken)} lines of the log are none, the first: {self.log.broken[0]!r}")

    def keep_recent(self):
        """What was sent last is kept, as the culprit is probably there."""
        folder = os.path.join(ROOT, ".build-logs")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"mutate-{self.kind}.txt")
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{what}\t{message!r}\n" for what, message in self.recent)
        with open(os.path.join(folder, f"mutate-{self.kind}.log"), "w", encoding="utf-8", errors="replace") as file:
            file.write(self.worker.log()[-1_000_000:])
        self.say(f"the last {len(self.recent)} messages are in {os.path.relpath(path, ROOT)}, the worker's log beside it")


def main():
    parser = argparse.ArgumentParser(prog="interop/mutate", description="Mutated messages through a live Swift worker.")
    parser.add_argument("--broker", choices=list(SIDES), help="only this one")
    parser.add_argument("--messages", type=int, default=1_000_000, help="so many on each broker")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--stall", type=float, default=60, help="seconds without an answer that are too many")
    parser.add_argument("--memory", type=float, default=150, help="megabytes that the worker may have")
    parser.add_argument("--log-bytes", type=int, default=600, help="what may be written of one refused message")
    parser.add_argument("--skip", action="append", default=[], metavar="TEXT",
                        help="without the hostile messages whose description holds the text")
    parser.add_argument("--worker", action="append", default=[], metavar="ARGUMENT", help="for the worker's command line")
    parser.add_argument("--verbose", action="store_true", help="show what the log says most often")
    parser.add_argument("--junit-xml", metavar="FILE", help="where the outcomes are written for programs")
    options = parser.parse_args()
    # Some values are nested 600 deep.
    sys.setrecursionlimit(5000)
    report = junit.Report("mutate", options.junit_xml)
    for kind in [options.broker] if options.broker else list(SIDES):
        with servers.signals_as_exceptions(), contextlib.ExitStack() as stack:
            run = Run(kind, options, stack)
            seconds = run.run()
            report.case(f"mutate, {kind}: {options.messages} mutated messages harm nobody", "; ".join(run.problems), seconds)
    return report.write()


if __name__ == "__main__":
    program.run("mutate", main, servers.ServerError, workers.WorkerError)
