"""What a worker has written: how much for each message, and whether each line is a line of the log."""
import collections
import re

from fleet import worker_log

OURS = re.compile(r"([0-9a-f]{8})-feed-")


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
        parsed = worker_log.parse(line)
        if parsed is None:
            self.broken.append(line[:300])
            return
        size = len(raw) + 1
        if parsed.level in ("INFO", "DEBUG", "TRACE"):
            return
        self.warnings[re.sub(r"[0-9a-f]{8}-\S+|\d+", "#", f"{parsed.task}: {parsed.text}")[:90]] += 1
        if parsed.text.startswith(("refused", "Message refused")):
            self.refusals += 1
            self.refusal_bytes += size
        task = OURS.match(parsed.id or "")
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
