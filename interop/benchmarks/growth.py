"""What grows with the number of idle workers, queued messages, waiting etas and waiting calls (`--growth`)."""
import contextlib
import dataclasses
import os
import time

from benchmarks.brokers import SWIFT_CLIENT, open_broker, run_json
from benchmarks.options import QUESTIONS
from benchmarks.report import rows
from benchmarks.workers import release
from fleet.workers import SwiftWorker

# Of one idle worker; what the commands of so many more may come to is that many times as much.
MOST_COMMANDS = 2
# Columns of the most frequent commands.
FREQUENT = 5


@dataclasses.dataclass
class Sizes:
    """How far it grows."""
    idle: tuple = (1, 10, 100, 300)
    idle_tasks: int = 300


QUICK = Sizes(idle=(1, 10, 100), idle_tasks=100)


class ServerLoad:
    """What redis-server has done since this was made: commands by name, those inside scripts too, and CPU seconds."""

    def __init__(self, database):
        self.database = database
        self.begin = time.monotonic()
        self.before = self.read()

    def read(self):
        calls = {
            name.removeprefix("cmdstat_"): values["calls"]
            for name, values in self.database.info("commandstats").items()}
        # Our own question.
        calls.pop("info", None)
        cpu = self.database.info("cpu")
        return calls, cpu["used_cpu_user"] + cpu["used_cpu_sys"]

    def since(self):
        """Seconds, calls by command, CPU seconds."""
        (calls, cpu), (calls_before, cpu_before) = self.read(), self.before
        grown = {name: count - calls_before.get(name, 0) for name, count in calls.items()}
        return time.monotonic() - self.begin, {name: n for name, n in grown.items() if n}, cpu - cpu_before


def idle(brokers, sizes, say):
    """Processes `celery-swift worker -c 1`; a task at a time. What they cost while nothing is sent is taken off."""
    if "redis" not in brokers:
        return 0
    os.environ.setdefault("CELERY_SWIFT", release("celery-swift"))
    lines, commands = [], {}
    with contextlib.ExitStack() as stack:
        broker = open_broker("redis", stack)
        workers = []
        for count in sizes.idle:
            begun = [
                stack.enter_context(SwiftWorker(
                    broker.url, broker.results.url, queues=["bench-idle"], name=f"idle{number}",
                    arguments=["-c", "1"]))
                for number in range(len(workers), count)]
            workers += begun
            for worker in begun:
                worker.wait_until_ready(120)
            done, load, quiet = tasks_among_idle(broker, sizes.idle_tasks)
            # The five before the first call belong to it.
            tasks = sizes.idle_tasks + 5
            quiet_seconds, quiet_calls, quiet_cpu = quiet
            seconds, calls, cpu = load
            background = seconds / quiet_seconds
            own = {name: (n - quiet_calls.get(name, 0) * background) / tasks for name, n in calls.items()}
            commands[count] = sum(own.values())
            frequent = sorted(own, key=own.get, reverse=True)[:FREQUENT]
            trips = sorted(done["trips"])
            lines.append([
                f"{count:,}", f"{commands[count]:.1f}", f"{(cpu - quiet_cpu * background) / tasks * 1000:.2f}",
                f"{trips[len(trips) // 2] * 1000:.2f}", f"{sum(quiet_calls.values()) / quiet_seconds:.0f}",
                f"{quiet_cpu / quiet_seconds * 100:.1f}",
                ", ".join(f"{name.replace('|', ' ')} {own[name]:.1f}" for name in frequent)])
            say(f"idle: {count} workers, {lines[-1][1]} commands and {lines[-1][2]} ms per task, p50 {lines[-1][3]} ms")
    rows([["idle workers on Redis", "commands/task", "Redis CPU ms/task", "round trip p50 ms", "at rest: commands/s",
           "CPU %", "most frequent per task"], *lines], texts={6})
    first, last = min(commands), max(commands)
    grown = commands[last] / commands[first]
    passed = grown <= MOST_COMMANDS
    print(f"\nCommands per task with {last} idle workers are {grown:.2f} times those with {first}; at most "
          f"{MOST_COMMANDS}: {'pass' if passed else 'FAIL'}")
    return 0 if passed else 1


def tasks_among_idle(broker, count):
    """The client's trips, what the server did for them, and what it does when nothing is sent."""
    database = broker.results.database
    latency = [*SWIFT_CLIENT, "latency", broker.url, broker.results.url, "bench-idle", "swift.mul"]
    run_json([*latency, "10", "0.005"])
    # Longer than the workers' signs of life are apart, as they come together.
    quiet = ServerLoad(database)
    time.sleep(10)
    quiet = quiet.since()
    load = ServerLoad(database)
    done = run_json([*latency, str(count), "0.005"])
    return done, load.since(), quiet


def run(options, say):
    """Prints a table for each question; returns how many targets were missed."""
    sizes = QUICK if options.quick else Sizes()
    brokers = [options.broker] if options.broker else ["redis", "rabbitmq"]
    missed = 0
    for question in [options.only] if options.only else QUESTIONS:
        missed += globals()[question](brokers, sizes, say)
    return missed
