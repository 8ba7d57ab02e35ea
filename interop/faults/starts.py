"""When tasks started and ended, as a Swift worker's log tells it."""
import collections
import math
import time

from fleet import worker_log
from fleet.background import Background

Start = collections.namedtuple("Start", "worker begin end")


class StartsOf(Background):
    """Follows the log of a worker that runs with -l DEBUG. Times are those that the worker has written, as `time.monotonic`
    counts: two workers start what is due at one moment, and which was first is not to be told from when a log is read.
    """

    def __init__(self, worker):
        self.worker = worker
        # The starts, by id, in order. A task that has not ended, perhaps because its worker was killed, ends at infinity.
        self.found = collections.defaultdict(list)
        self.offset = time.time() - time.monotonic()
        super().__init__(self.follow)

    def follow(self):
        rest = b""
        with open(self.worker.log_path, "rb") as log:
            while True:
                is_last = self.ended.is_set()
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    event = worker_log.parse(line.decode("utf-8", "replace"))
                    if event is None or event.id is None:
                        continue
                    self.add(event)
                if is_last:
                    return
                self.ended.wait(0.02)

    def add(self, event):
        found = self.found[event.id]
        if event.text == worker_log.STARTED:
            found.append(Start(self.worker.name, self.time_of(event), math.inf))
        elif event.text.startswith(worker_log.NOT_STARTED) and found:
            found.pop()
        elif event.text.startswith(worker_log.ENDS) and found:
            found[-1] = found[-1]._replace(end=self.time_of(event))

    def time_of(self, event):
        return worker_log.seconds(event) - self.offset

    def starts(self, identifier):
        return self.found.get(identifier, [])
