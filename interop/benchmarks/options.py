"""Measures, side by side from one run: Celery's workers (solo, prefork -c 2, threads -c 8), celery-swift (-c 2) and
loops in C (hiredis, librabbitmq) that send the same broker commands; on a private Redis and a private RabbitMQ.

publish   messages a second, one caller and 64 at once (Python: threads of one process; Swift: tasks with one client;
          C: so many under way, or all of them, which is as fast as the broker takes them). Swift and C wait for
          RabbitMQ's confirmation; Celery does so only in the column "confirmed", by the transport option
          confirm_publish.
drain     messages a second of a task that multiplies two numbers. A worker that is connected is stopped by SIGSTOP,
          its queue is filled, and the clock runs from SIGCONT to the last result. Without results only the last
          message has one (header ignore_result). Queues hold thousands of messages, as many as take a second or two;
          the C loop starts its clock when it is connected. Prefetch counts are 8, threads 32, solo 4, by the same
          multiplier of 4; celery-swift reads up to 128 ahead while tasks are short, so the C loop has that count,
          and the column "C loop, 8" the smaller one.
          CPU seconds are those of the worker's processes, from /proc. (solo with results on RabbitMQ falls into
          40 ms pauses now and then, with and without SIGSTOP: delayed acknowledgements of TCP.)
latency   "round trip" is the time from a call to the value in the caller's hand; one caller, call after call. "when
          idle" is the same with 5 ms between the calls, so that everybody has gone to sleep; "to done" is then the
          time to the result's date_done by the worker's clock. Each from the Python and from the Swift client; the
          target compares Python client and prefork with Swift client and celery-swift. The C loop is a caller and a
          worker that send the same commands as ours.
startup   seconds from the start of the process to its first stored result; then memory over all processes of the
          worker with 1,000 tasks held that wait for their eta, 50 s away (with a prefetch multiplier of 1,000, as
          Celery would leave most of them in RabbitMQ's queue). PSS counts shared pages once: it is what the target
          compares. Swift programs elsewhere on the machine make the PSS of celery-swift smaller, RSS tells.

The brokers keep their files in memory where /dev/shm is there, as a disk's mood would decide what a confirmation
takes; `--disk` leaves them in the temporary folder. Everybody logs at WARNING. Celery runs without gossip, mingle and
heartbeat events. Figures are medians (p99 where it says so) of interleaved turns. Results are in Redis for both brokers.
Beside each target stands the ratio that the C loop reaches; a target that it misses too is the broker's limit here.

With --growth, instead of all that, what grows with the size of things:

idle      so many workers of one queue, each a process `celery-swift worker -c 1`; a task at a time, 5 ms after the
          result of the one before. Commands of redis-server by INFO commandstats (those inside scripts and those of
          the client count), its CPU by INFO cpu, both without what the workers cost at rest, which is measured for
          10 s before and has columns of its own; the round trip is the Swift client's. With --check the exit status is
          1 when a task costs more than twice as many commands among the most workers as with one.
queued    a worker that was stopped by SIGSTOP goes on with a full queue, without results: CPU over the first 50,000
          tasks (9,000 of 10,000), of the worker and of the broker's processes.
etas      PSS of a worker with tasks that wait for their eta, 55 s away (near: held in memory) and an hour away (far:
          left with Redis; RabbitMQ cannot keep them). Beyond 10,000 the worker parks near ones too, or leaves the
          rest in RabbitMQ's queue, which is a column.
calls     so many calls of the Swift client on Redis that all wait, for a worker that is stopped meanwhile: each in a
          task of its own that sends and waits, or only their handles, waited for one after another. Bytes are the
          growth of PSS; times are those from the first call until all wait (handles: are sent), and from the
          worker's going on to the last value. Beside it Python's AsyncResult, alone and as its backend listens for it.

With --instructions, instead of all that, instructions per task of celery-swift (-c 1) on Redis with results, counted by
valgrind's callgrind: a run with --tasks tasks more than another one, whose start and end are the same, which takes a
minute or two. --against counts another program beside it, such as the build of a commit before (built the same way: a
static one does not compare with one that is not), and with --check the exit status is 1 when ours needs more than 1.05
times as many.

With --middleware, the drain of a worker with CeleryMetrics and CeleryTracing beside that of the same program without, in
turns; with --check the exit status is 1 when it is less than 0.8 of that. The tracer makes a span for each task and
writes one in a hundred.

With --events, the drain of a worker with events of its tasks (-E) beside that of one without, in turns; with --check the exit
status is 1 when it is less than 0.85 of that. Then 100,000 tasks are drained while `celery-swift events --json` reads on the
same machine: an event of a task that is not heard, or not in its order, is an error. What the reader costs is in the last column.

With --canvas, instead of all that, chords of 100 to 100,000 tasks, sent by the Swift client to celery-swift, beside those
that the Python client sends to prefork, up to 10,000; both with -c 2. "sending" is the client's own time from the first
signature to the last message, while the worker is stopped; "running" the time from the worker's going on, with all messages
in its queue, to the value of the body in the client's hand; "both at once" that from the first signature to the value, with
a worker that waits. CPU of worker and Redis and the commands of Redis are those of "running" alone, per task of the header;
what is waited for by the client and the body itself are in them. Small chords are run so often that they come to 20,000 tasks.
Peaks are the highest RSS since the size before, without what other processes share. Then a chain of 1,000 tasks, and the
bytes of messages by the size of the canvas. With --check the exit status is 1 when a chord of 10,000 is not 20 times as fast
as prefork's, running or both at once; when a task of the largest chord costs more than 1.3 times the CPU or commands that
each task more costs between the two smallest (so that what each chord costs is left out); when peaks grow by more than 1,000
bytes per task in the worker, 3,000 in the client; when messages grow faster than the canvas. A chord or chain without its
result is an error. (The Python client waits without follow_parents: with it, it would ask Redis for the result of each task
of the header, over and over.)
"""
import argparse
import dataclasses


@dataclasses.dataclass
class Sizes:
    """How much is measured."""
    turns: int = 3
    drain_first: int = 1000
    drain_fast: int = 20_000
    publish_python: int = 3000
    publish_fast: int = 20_000
    publish_confirmed: int = 300
    latency: int = 100


QUICK = Sizes(turns=1, drain_fast=10_000, publish_python=1500, publish_fast=10_000, publish_confirmed=200, latency=100)
# To see that everything runs; such figures say nothing.
SHORT = Sizes(turns=1, drain_first=50, drain_fast=200, publish_python=50, publish_fast=200, publish_confirmed=20, latency=25)
MEASUREMENTS = ["publish", "drain", "latency", "startup"]
QUESTIONS = ["idle", "queued", "etas", "calls"]


def parse():
    parser = argparse.ArgumentParser(
        prog="interop/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs: 3 minutes, not 10")
    parser.add_argument(
        "--short", action="store_true", help="half a minute with the debug build: whether everything runs, not how fast")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], help="only this broker")
    parser.add_argument("--growth", action="store_true", help="the tables of growth instead")
    parser.add_argument("--instructions", action="store_true", help="instructions per task instead")
    parser.add_argument("--tasks", type=int, default=10_000, metavar="N", help="with --instructions; default 10000")
    parser.add_argument("--turns", type=int, default=1, metavar="N", help="with --instructions; the median counts")
    parser.add_argument("--against", metavar="PROGRAM", help="with --instructions: another celery-swift")
    parser.add_argument("--middleware", action="store_true", help="metrics and traces on and off instead")
    parser.add_argument("--events", action="store_true", help="events of tasks on and off instead")
    parser.add_argument("--canvas", action="store_true", help="chords, chains and their messages instead")
    parser.add_argument(
        "--only", choices=[*MEASUREMENTS, *QUESTIONS], metavar="NAME",
        help=f"only this measurement: {', '.join(MEASUREMENTS)}; with --growth {', '.join(QUESTIONS)}")
    parser.add_argument("--disk", action="store_true", help="the brokers' files in the temporary folder")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed that the C loop reaches, or that of the other tables")
    options = parser.parse_args()
    if options.only and options.only not in (QUESTIONS if options.growth else MEASUREMENTS):
        parser.error(f"--only {options.only} is {'no' if options.growth else 'only a'} part of --growth")
    if sum([options.growth, options.instructions, options.middleware, options.events, options.canvas]) > 1:
        parser.error("--growth, --instructions, --middleware, --events and --canvas are tables of their own")
    if options.against and not options.instructions:
        parser.error("--against is only a part of --instructions")
    return options


if __name__ == "__main__":
    parse()
