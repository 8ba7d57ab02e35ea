"""What a large message costs a worker: a bounded amount of memory while it is read, and none afterwards."""
import pytest

from live.bed import eventually

MEGABYTES = 16
# The whole worker, in megabytes.
PEAK = 150
# What may be left of the memory that a message took.
REST = 16


def many(value, size):
    """So many of the value that their JSON takes some megabytes."""
    return [value] * (MEGABYTES * 1_000_000 // size)


# The arguments of a call, and how it is compressed.
LARGE = {
    "small objects": ("gzip", lambda: {"args": [many({"": 0}, 9)]}),
    "small arrays": ("gzip", lambda: {"args": [many([0], 5)]}),
    "texts": ("gzip", lambda: {"args": [many("x" * 20, 24)]}),
    "links": ("gzip", lambda: {"args": [2, 3], "link": many({"": 0}, 9)}),
    "numbers": (None, lambda: {"args": [many(0, 3)]}),
    "one text": (None, lambda: {"args": ["x" * (MEGABYTES * 1_000_000)]}),
    "different keys": (None, lambda: {"kwargs": {f"k{number}": 0 for number in range(MEGABYTES * 1_000_000 // 14)}}),
    "different arrays": (None, lambda: {"args": [[[number] for number in range(MEGABYTES * 1_000_000 // 10)]]}),
}


class Memory:
    """Of a process, in megabytes."""

    def __init__(self, worker):
        self.folder = f"/proc/{worker.process.pid}"

    def read(self, name):
        with open(f"{self.folder}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:")) / 1024

    def forget_peak(self):
        with open(f"{self.folder}/clear_refs", "w") as file:
            file.write("5")


@pytest.fixture(scope="module")
def worker(bed):
    return bed.swift_worker(queues=["memory"], name="memory", arguments=["-c", "4"])


@pytest.mark.parametrize("what", LARGE)
def test_a_large_message_takes_a_bounded_amount_of_memory_and_leaves_none_behind(bed, worker, what):
    def call(**options):
        options.setdefault("args", [])
        result = bed.app.send_task("swift.add", queue="memory", argsrepr="", kwargsrepr="", **options)
        # A failure, as a rule, which is not raised here.
        result.get(timeout=60, propagate=False)

    compression, options = LARGE[what]
    memory = Memory(worker)
    call(args=[2, 3])
    before = memory.read("VmRSS")
    memory.forget_peak()
    call(compression=compression, **options())
    assert memory.read("VmHWM") < PEAK
    eventually(lambda: memory.read("VmRSS") < before + REST,
               f"{before:.0f} MB again instead of {memory.read('VmRSS'):.0f}", 60)
