"""How a line in the log of `celery-swift worker` reads: the only place that knows.

    [2026-11-26 10:00:00,123: INFO] Task swift.add[9c5e...] succeeded in 8.8 ms: 3
"""
import collections
import datetime
import re

# `task` and `id` are None in lines that are about no task; `text` is what stands behind the task. `time` is as written.
Line = collections.namedtuple("Line", "time level task id text")
LINE = re.compile(r"^\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}): ([A-Z]+)\] (.*)$")
# A task is to start, and will be acknowledged early; the broker has given it to others in this very moment. (At DEBUG.)
STARTED, NOT_STARTED = "started", "did not start after all"
# How a task that has started may end, as far as the tasks of these programs do.
ENDS = ("succeeded ", "raised ", "retry: ")
# Names and ids that cannot be shown as they are stand in quotes, with escapes.
SUBJECT = re.compile(r"^Task (?P<name>'(?:[^'\\]|\\.)*'|[^\[]*?)(?:\[(?P<id>.*?)\])?(?=:? )")


def parse(line):
    """A line, without its end, as a Line; None for what is none."""
    found = LINE.match(line)
    if not found:
        return None
    time, level, text = found.groups()
    if subject := SUBJECT.match(text):
        return Line(time, level, subject["name"] or None, subject["id"], text[subject.end():].lstrip(": "))
    return Line(time, level, None, None, text)


def seconds(line):
    """When a line was written, as `time.time()` counts, to a thousandth."""
    return datetime.datetime.strptime(line.time, "%Y-%m-%d %H:%M:%S,%f").timestamp()


def lines(log):
    """The lines of a log that are such ones."""
    return [line for line in map(parse, log.splitlines()) if line]


def count(log, text, identifier=None):
    """How many lines say this, of a task or of all; `text` is what a line begins with behind the task's name."""
    return sum(line.text.startswith(text) and identifier in (None, line.id) for line in lines(log))


def successes(log, identifier=None):
    """How often a task, or any, has succeeded."""
    return count(log, "succeeded in ", identifier)


def receipts(log, identifier=None):
    return count(log, "received", identifier)


def starts(log, identifier=None):
    """Where the log's level is DEBUG."""
    return count(log, STARTED, identifier) - count(log, NOT_STARTED, identifier)
