"""What is done to connections, brokers and workers while tasks run.

Each has `tick`, which is called often on the main thread, and a `report` in words.
`ends` are the times at which the server ended all connections, `kills` those at which it was killed: RabbitMQ then loses
acknowledgements of any age, as it writes them down at leisure.
"""
import time


class Disruption:
    uses_proxies = True
    worker_arguments = ["-c", "4"]

    @classmethod
    def long_tasks(cls, options):
        """Seconds that some tasks take, which are under way when something happens."""
        return [3] * 8

    def __init__(self, run, options, generator):
        self.run, self.options, self.random = run, options, generator
        self.ends = []
        self.kills = []
        self.count = 0
        self.next = 0

    def start(self):
        """The workers are ready."""
        self.next = time.monotonic() + 1

    def is_due(self, pause):
        if time.monotonic() < self.next:
            return False
        self.next = time.monotonic() + self.random.uniform(*pause)
        self.count += 1
        return True

    @property
    def is_at_work(self):
        """Whether nothing can be asked of the broker or expected of the workers now."""
        return False

    def finish(self):
        """Nothing more happens; what was done is undone."""


class Cuts(Disruption):
    """All connections of a worker, now and then; on RabbitMQ the server ends all of them, too."""

    def tick(self):
        if not self.is_due((0.5, 4)):
            return
        if self.run.kind == "rabbitmq" and self.count % 8 == 0:
            self.run.server.control("close_all_connections", "chaos")
        else:
            self.random.choice(self.run.proxies).cut(abruptly=self.random.random() < 0.7)

    def report(self):
        return f"{self.count} cuts"


class FullWindows(Cuts):
    """One task at a time, and as many held as the window allows, when the connection ends."""

    worker_arguments = ["-c", "1"]

    def tick(self):
        if not self.is_due((3, 8)):
            return
        if self.run.kind == "rabbitmq" and self.count % 3 == 0:
            self.run.server.control("close_all_connections", "chaos")
        else:
            for proxy in self.run.proxies:
                proxy.cut(abruptly=self.random.random() < 0.7)


class Outages(Disruption):
    """The broker is killed and comes back after the seconds given, for each of them once."""

    uses_proxies = False
    worker_arguments = ["-c", "8"]

    @classmethod
    def long_tasks(cls, options):
        # Of each outage, some that end while the broker is away and some that end after it.
        return [part * seconds for _ in range(3) for seconds in options.outages for part in (0.4, 1.3)]

    def __init__(self, run, options, generator):
        super().__init__(run, options, generator)
        self.left = list(options.outages)
        self.back_at = None

    def tick(self):
        if self.back_at is not None:
            if time.monotonic() >= self.back_at:
                self.back_at = None
                self.run.server.start()
                self.next = time.monotonic() + 6
        elif self.left and time.monotonic() >= self.next:
            seconds = self.left.pop(0)
            self.end()
            self.back_at = time.monotonic() + seconds
            self.count += 1

    @property
    def is_at_work(self):
        return self.back_at is not None or bool(self.left)

    def start(self):
        self.next = time.monotonic() + 3

    def end(self):
        self.ends.append(time.monotonic())
        self.kills.append(time.monotonic())
        self.run.server.kill()

    def finish(self):
        self.left = []
        if self.back_at is not None:
            self.back_at = None
            self.run.server.start()

    def report(self):
        return f"{self.count} outages of {', '.join(f'{each:g}' for each in self.options.outages[:self.count])} s"


class Stops(Outages):
    """The broker is stopped in order, so that it has written down all that it was told, and comes back."""

    # They know when each connection ended, somewhere in the seconds that stopping takes.
    uses_proxies = True

    def end(self):
        self.run.server.stop()


class Pauses(Disruption):
    """SIGSTOP and SIGCONT of the workers and the broker, one after the other."""

    def __init__(self, run, options, generator):
        super().__init__(run, options, generator)
        self.stopped = None

    def tick(self):
        if self.stopped is not None:
            if time.monotonic() >= self.next:
                self.stopped.resume()
                self.stopped = None
                self.next = time.monotonic() + self.random.uniform(0.5, 2)
        elif time.monotonic() >= self.next:
            targets = [self.run.server, *self.run.swift]
            self.stopped = targets[self.count % len(targets)]
            self.stopped.pause()
            self.count += 1
            self.next = time.monotonic() + self.random.uniform(0.5, self.options.longest_pause)

    def finish(self):
        if self.stopped is not None:
            self.stopped.resume()
            self.stopped = None

    def report(self):
        return f"{self.count} pauses"


MODES = {"cuts": Cuts, "outages": Outages, "stops": Stops, "pauses": Pauses, "windows": FullWindows}
