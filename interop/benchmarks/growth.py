"""What grows with the number of idle workers, queued messages, waiting etas and waiting calls (`--growth`)."""
import contextlib
import dataclasses
import json
import os
import subprocess
import time

from benchmarks.brokers import PYTHON_CLIENT, SWIFT_CLIENT, open_broker, run_json
from benchmarks.options import QUESTIONS
from benchmarks.report import TITLES, print_rows
from benchmarks.workers import Worker, cpu_seconds, family, memory_of, built, require, strangers
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
    # For so many seconds the load without tasks is measured.
    rest: float = 10
    queued: tuple = (10_000, 100_000, 1_000_000)
    etas: tuple = (1000, 10_000, 100_000)
    calls: tuple = (1000, 10_000, 100_000)


QUICK = Sizes(
    idle=(1, 10, 100), idle_tasks=100, queued=(10_000, 100_000), etas=(1000, 10_000), calls=(1000, 10_000))
# To see that everything runs.
SHORT = Sizes(idle=(1, 3), idle_tasks=20, rest=1, queued=(1000,), etas=(100,), calls=(100,))
# Tasks over which CPU is measured, as far as there are so many.
MOST_DRAINED = 50_000
# Seconds: etas that a worker keeps itself, and etas that it leaves with Redis.
NEAR, FAR = 55, 3600


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
    os.environ.setdefault("CELERY_SWIFT", built("celery-swift"))
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
            done, load, quiet = tasks_among_idle(broker, sizes)
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
    print_rows([["idle workers on Redis", "commands/task", "Redis CPU ms/task", "round trip p50 ms", "at rest: commands/s",
                 "CPU %", "most frequent per task"], *lines], texts={6})
    first, last = min(commands), max(commands)
    grown = commands[last] / commands[first]
    passed = grown <= MOST_COMMANDS
    print(f"\nCommands per task with {last} idle workers are {grown:.2f} times those with {first}; at most "
          f"{MOST_COMMANDS}: {'pass' if passed else 'FAIL'}")
    return 0 if passed else 1


def tasks_among_idle(broker, sizes):
    """The client's trips, what the server did for them, and what it does when nothing is sent."""
    database = broker.results.database
    latency = [*SWIFT_CLIENT, "latency", broker.url, broker.results.url, "bench-idle", "swift.mul"]
    run_json([*latency, "10", "0.005"])
    # Longer than the workers' signs of life are apart, as they come together.
    quiet = ServerLoad(database)
    time.sleep(sizes.rest)
    quiet = quiet.since()
    load = ServerLoad(database)
    done = run_json([*latency, str(sizes.idle_tasks), "0.005"])
    return done, load.since(), quiet


def queued(brokers, sizes, say):
    """A worker runs tasks out of a full queue: what a task costs it and the server."""
    lines = []
    for name in brokers:
        for count in sizes.queued:
            with contextlib.ExitStack() as stack:
                broker = open_broker(name, stack)
                worker = stack.enter_context(idle_worker(broker))
                worker.freeze()
                broker.fill(worker.queue, worker.task, count, True, window=1000)
                left = count - min(count * 9 // 10, MOST_DRAINED)
                processes = {"worker": worker.processes(), "server": family(broker.process)}
                before = {key: cpu_seconds(found) for key, found in processes.items()}
                worker.thaw()
                require(lambda: broker.waiting(worker.queue) <= left, worker, pause=0.01)
                worker.freeze()
                done = count - broker.waiting(worker.queue)
                spent = {key: (cpu_seconds(found) - before[key]) / done for key, found in processes.items()}
            lines.append([
                TITLES[name], f"{count:,}", f"{spent['worker'] * 1e6:.1f}", f"{spent['server'] * 1e6:.1f}"])
            say(f"queued: {', '.join(lines[-1])}")
    print_rows([["queued messages", "", "worker CPU us/task", "server CPU us/task"], *lines])
    return 0


@contextlib.contextmanager
def idle_worker(broker):
    """One that has run some tasks."""
    # While it is stopped, for minutes too, RabbitMQ is not to miss its heartbeats.
    heartbeat = "?heartbeat=0" if broker.name == "rabbitmq" else ""
    with Worker("swift", broker.url + heartbeat, broker.results.url) as worker:
        broker.fill(worker.queue, worker.task, 1000, False)
        require(lambda: broker.results.count() >= 1000, worker, pause=0.05)
        broker.results.clear()
        yield worker


def etas(brokers, sizes, say):
    """The memory of a worker with tasks that wait for their eta."""
    lines, others = [], []
    for name in brokers:
        with contextlib.ExitStack() as stack:
            broker = open_broker(name, stack)
            for kind, countdown in (("near", NEAR), ("far", FAR)):
                for count in sizes.etas:
                    with idle_worker(broker) as worker:
                        base = worker.memory()
                        run_json([
                            *SWIFT_CLIENT, "later", broker.url, worker.queue, worker.task, str(count), str(countdown)])
                        left = settled(lambda: broker.waiting(worker.queue), worker)
                        memory = worker.memory()
                        others += strangers("/libswiftCore.so", worker.processes())
                    broker.forget(worker.queue)
                    taken = count - left
                    grown = (memory["pss"] - base["pss"]) * 1024 * 1024
                    lines.append([
                        TITLES[name], kind, f"{count:,}", f"{left:,}", f"{base['pss']:.1f}", f"{memory['pss']:.1f}",
                        f"{memory['rss']:.1f}", f"{grown / taken:,.0f}" if taken else "-"])
                    say(f"etas: {', '.join(lines[-1])}")
    print_rows([["waiting etas", "", "sent", "left in the queue", "PSS MB before", "PSS MB", "RSS MB", "bytes each"], *lines],
               texts={0, 1})
    if others:
        print("(PSS is too small by the shared library where other Swift programs ran meanwhile; bytes each are not.)")
    return 0


def settled(value, worker):
    """The value when it is 0 or has been the same for two seconds."""
    last, since = value(), time.monotonic()
    while last and time.monotonic() - since < 2:
        worker.check()
        time.sleep(0.1)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    # What was taken last is on its way through the worker.
    time.sleep(1)
    return last


def calls(brokers, sizes, say):
    """Calls of the Swift client on Redis that all wait at once; and Python's results."""
    if "redis" not in brokers:
        return 0
    lines = []
    with contextlib.ExitStack() as stack:
        broker = open_broker("redis", stack)
        worker = stack.enter_context(idle_worker(broker))
        for count in sizes.calls:
            for mode in ("tasks", "handles"):
                lines.append(calls_at_once(broker, worker, count, mode))
                say(f"calls: {', '.join(lines[-1])}")
        for count in sizes.calls:
            done = run_json([*PYTHON_CLIENT, "calls", broker.results.url, str(count)])
            lines.append(["Python, AsyncResult", f"{count:,}", f"{done['alone']:,.0f}", "-", "-", "-"])
            lines.append([
                "Python, listened for", f"{count:,}", f"{done['pending']:,.0f}",
                f"{done['seconds'] / count * 1e6:.0f}", "-", "-"])
            say(f"calls: {', '.join(lines[-1])}")
    print_rows([["waiting calls", "at once", "bytes each", "us each to wait", "us each to the value", "CPU us each"], *lines])
    return 0


def calls_at_once(broker, worker, count, mode):
    info = broker.results.database.info
    with subprocess.Popen(
            [*SWIFT_CLIENT, "calls", broker.url, broker.results.url, worker.queue, worker.task, str(count), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        try:
            expect(client, "ready")
            worker.freeze()
            before, begin = memory_of([client.pid])["pss"], time.monotonic()
            client.stdin.write("go\n")
            client.stdin.flush()
            if mode == "tasks":
                require(lambda: info("stats")["pubsub_channels"] >= count, pause=0.01)
            else:
                expect(client, "sent")
            sent = time.monotonic()
            memory = memory_of([client.pid])["pss"] - before
            worker.thaw()
            thawed = time.monotonic()
            done = json.loads(client.stdout.readline())
            end = time.monotonic()
        finally:
            client.kill()
            worker.thaw()
    broker.results.clear()
    return [
        f"Swift, {mode}", f"{count:,}", f"{memory * 1024 * 1024 / count:,.0f}", f"{(sent - begin) / count * 1e6:.0f}",
        f"{(end - thawed) / count * 1e6:.0f}", f"{done['cpu'] / count * 1e6:.0f}"]


def expect(client, word):
    if (line := client.stdout.readline().strip()) != word:
        raise RuntimeError(f"the client says {line!r} instead of {word}")


def run(options, say):
    """Prints a table for each question; returns how many targets were missed."""
    sizes = SHORT if options.short else QUICK if options.quick else Sizes()
    brokers = [options.broker] if options.broker else ["redis", "rabbitmq"]
    missed = 0
    for question in [options.only] if options.only else QUESTIONS:
        missed += globals()[question](brokers, sizes, say)
    return missed
