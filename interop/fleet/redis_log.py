"""Reads from a Redis server's append-only file what became of messages and results.

Kombu's worker takes a message from a list (BRPOP) and notes it in `unacked` in a second step. Killed in between, it
loses the message, and nothing on the server shows it afterwards but this log. A Swift worker does both in one step.
"""
import collections
import glob
import json
import os
import re

# For a server whose log is to be read: every write is appended, nothing is ever rewritten.
ARGUMENTS = ["--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0",
             "--aof-use-rdb-preamble", "no"]
_TASK_ID = re.compile(rb'"id": ?"([^"]+)"')


def commands(folder):
    """Each command of the log as a list of byte strings."""
    for path in sorted(glob.glob(os.path.join(folder, "appendonlydir", "*.incr.aof"))):
        with open(path, "rb") as log:
            while line := log.readline():
                # A timestamp, or the first part of `*count`, then for each argument `$length`.
                if line.startswith(b"*"):
                    yield [_argument(log) for _ in range(int(line[1:]))]


def _argument(log):
    length = int(log.readline()[1:])
    value = log.read(length)
    log.read(2)
    return value


def taken_and_not_noted(folder, queue):
    """The ids of tasks whose message was taken from the queue and never noted as held."""
    lists = collections.defaultdict(collections.deque)
    loose = collections.Counter()

    def task_id(text):
        found = _TASK_ID.search(text)
        return found[1].decode() if found else None

    for name, *arguments in commands(folder):
        name = name.upper()
        key = arguments[0] if arguments else b""
        if name in (b"LPUSH", b"RPUSH") and key.split(b"\x06\x16")[0] == queue.encode():
            for value in arguments[1:]:
                (lists[key].appendleft if name == b"LPUSH" else lists[key].append)(value)
        elif name in (b"RPOP", b"LPOP") and key in lists:
            for _ in range(int(arguments[1]) if len(arguments) > 1 else 1):
                if lists[key]:
                    loose[task_id(lists[key].pop() if name == b"RPOP" else lists[key].popleft())] += 1
        elif name in (b"HSET", b"HSETNX", b"HMSET") and key == b"unacked":
            for entry in arguments[2::2]:
                loose[task_id(entry)] -= 1
    return {identifier for identifier, count in loose.items() if count > 0}


def stored_results(folder, identifiers):
    """All that was ever stored for these tasks, in order: id -> list of records."""
    stored = {identifier: [] for identifier in identifiers}
    keys = {b"celery-task-meta-" + identifier.encode(): identifier for identifier in identifiers}
    for name, *arguments in commands(folder):
        if name.upper() in (b"SET", b"SETEX") and (identifier := keys.get(arguments[0])):
            stored[identifier].append(json.loads(arguments[2 if name.upper() == b"SETEX" else 1]))
    return stored
