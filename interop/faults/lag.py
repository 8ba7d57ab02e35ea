"""How far behind the machine is while a program of chaos runs."""
import bisect
import time

from fleet.background import Background

# Seconds: so long the thread sleeps each time.
MOMENT = 0.02


class Lag(Background):
    """A thread that sleeps for a moment again and again, and notes how much too long each took. As long as workers may have
    stood still at that time, they are given more time for what takes them a moment.
    """

    def __init__(self):
        # Where it is worth noting: when it should have woken, when it has, and how late it was in all before.
        self.begins, self.ends, self.before = [], [], [0]
        super().__init__(self.watch)

    def watch(self):
        due = time.monotonic() + MOMENT
        while not self.ended.wait(MOMENT):
            now = time.monotonic()
            if now - due > MOMENT / 4:
                self.note(due, now)
            due = now + MOMENT

    def note(self, begin, end):
        # In this order: who reads meanwhile begins with the last of them.
        self.before.append(self.before[-1] + end - begin)
        self.ends.append(end)
        self.begins.append(begin)

    def between(self, begin, end):
        """For how many seconds between these times it should have been awake and was not."""
        return max(0, self.until(end) - self.until(begin))

    def until(self, moment):
        gaps = bisect.bisect_right(self.begins, moment)
        return self.before[gaps] - (max(0, self.ends[gaps - 1] - moment) if gaps else 0)


def no_lag(_begin, _end):
    """That of a machine which is never behind."""
    return 0
