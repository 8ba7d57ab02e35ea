"""The tasks that are sent, and what must come of each."""
import collections
import random

# The state, and the value or exception that a task must end with.
Expected = collections.namedtuple("Expected", "kind state value")


class Load:
    """The tasks: what is sent, and what must come of each.

    `long_tasks` are the seconds of some that are spread over the first half. Without retries each task starts once.
    """

    def __init__(self, count, seed, long_tasks=(), has_retries=True, longest_countdown=3, longest_sleep=0.3):
        self.random = random.Random(seed)
        self.has_retries, self.longest_countdown, self.longest_sleep = has_retries, longest_countdown, longest_sleep
        self.expected = {}
        self.calls = [self.call(number) for number in range(count)]
        for number, seconds in enumerate(long_tasks):
            place = count // 2 * number // len(long_tasks)
            identifier = f"chaos-{place}"
            self.calls[place] = ("sleep", (seconds,), {}, {"task_id": identifier})
            self.expected[identifier] = Expected(f"sleep {seconds} s", "SUCCESS", seconds)

    def call(self, number):
        """(task, args, kwargs, options) of one call."""
        identifier = f"chaos-{number}"
        pick = self.random.random()
        options = {"task_id": identifier}
        if pick < 0.40:
            seconds = round(self.random.uniform(0, self.longest_sleep), 3)
            call = ("sleep", (seconds,), {})
            expected = Expected("sleep", "SUCCESS", seconds)
        elif pick < 0.55:
            call = ("add", (number, 1), {})
            expected = Expected("add", "SUCCESS", number + 1)
        elif pick < 0.65:
            call = ("mul", (), {"x": number, "y": 2})
            expected = Expected("mul by keywords", "SUCCESS", number * 2)
        elif pick < 0.75:
            value = "x" * self.random.choice([1, 100, 5000])
            call = ("echo", (value, number), {"key": [None, 1.5]})
            expected = Expected("echo", "SUCCESS", {"args": [value, number], "kwargs": {"key": [None, 1.5]}})
        elif pick < 0.80:
            call = ("tsum", (list(range(number % 50)),), {})
            expected = Expected("tsum", "SUCCESS", sum(range(number % 50)))
        elif pick < 0.88:
            call = ("fail", (f"no luck {number}",), {})
            expected = Expected("fail", "FAILURE", [f"no luck {number}"])
        elif pick < 0.94 and self.has_retries:
            call = ("flaky", (3,), {})
            expected = Expected("flaky, two retries", "SUCCESS", 3)
        else:
            call = ("add", (number, 2), {})
            options["countdown"] = round(self.random.uniform(0.5, self.longest_countdown), 1)
            expected = Expected("add with a countdown", "SUCCESS", number + 2)
        self.expected[identifier] = expected
        return (*call, options)

    def kinds(self):
        counts = collections.Counter(each.kind for each in self.expected.values())
        return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def is_right(record, expected):
    """Whether this is the result that the task must have."""
    if record is None or record["status"] != expected.state:
        return False
    value = record["result"]["exc_message"] if expected.state == "FAILURE" else record["result"]
    return value == expected.value
