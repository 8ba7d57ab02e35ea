"""What a worker has written: how much for each message, and whether each line is a line of the log."""
import collections
import re

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+ (\w+) celery\b")
OURS = re.compile(r"celery\.task\.id=([0-9a-f]{8})-feed-")


class LogReader:
    """Reads the log as it grows. Lines of a message are told by its id."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.rest = b""
        # Bytes of warnings and errors by the number that a mutant's id begins with.
        self.bytes_by_number = collections.Counter()
        self.refusals = 0
        self.refusal_bytes = 0
        self.largest = (0, "")
        self.warnings = collections.Counter()
        self.broken = []

    def read(self):
        data = self.rest + self.file.read()
        *lines, self.rest = data.split(b"\n")
        for line in lines:
            self.note(line)

    def note(self, raw):
        line = raw.decode("utf-8", "replace")
        found = LINE.match(line)
        if not found:
            self.broken.append(line[:300])
            return
        size = len(raw) + 1
        if found[1] in ("info", "debug", "trace", "INFO", "DEBUG", "TRACE"):
            return
        refused = " refused a " in line
        self.warnings[re.sub(r"[0-9a-f]{8}-\S+|\d+", "#", line[found.end():])[:90]] += 1
        if refused:
            self.refusals += 1
            self.refusal_bytes += size
        task = OURS.search(line)
        if task is None:
            # No id, or one that several messages share.
            self.grow(size, line)
        else:
            number = int(task[1], 16)
            self.bytes_by_number[number] += size
            self.grow(self.bytes_by_number[number], line)

    def grow(self, size, line):
        if size > self.largest[0]:
            self.largest = (size, line[:400])
