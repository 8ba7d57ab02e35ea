"""Makes random descriptions of canvases, as building.py takes them.

What becomes of a canvas has to be determined, so that it can be compared: nothing depends on which of two tasks ends first.
"""
import datetime
import random

# RabbitMQ closes the channel over what expires in more than 49 days: then Python loses what it has sent behind it.
IN_A_MONTH = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(30)).replace(microsecond=0).isoformat()
QUEUES = ["one", "two"]
OPTIONS = [("shadow", "other"), ("headers", {"tenant": "north"}), ("time_limit", 60), ("soft_time_limit", 50), ("priority", 3),
           ("priority", 9), ("ignore_result", True), ("ignore_result", False), ("countdown", 0.1), ("expires", 600),
           ("expires", IN_A_MONTH), ("eta", "2024-01-01T00:00:00+00:00"), ("compression", "gzip"),
           ("compression", "zlib"), ("retry_policy", {"max_retries": 2})]
# What has expired before it is sent is left out: RabbitMQ drops it where no worker takes it at once, and then nobody tells.
ERRORS = [["ValueError", "no luck"], ["KeyError", "key"], ["ZeroDivisionError", "by zero", 2], ["RuntimeError"]]


class Generator:
    """One canvas: `depth` is how many levels it has at most, `left` about how many tasks it may still get."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.depth = self.random.choice([1, 2, 2, 3, 3, 4, 4, 5, 5])
        self.left = self.random.choice([4, 8, 16, 30])
        self.labels = 0
        # Most canvases have few kinds of trouble, so that each is seen by itself too.
        one_of = self.random.random
        self.failing = one_of() < 0.4
        self.linking = one_of() < 0.5
        self.linking_errors = one_of() < (0.6 if self.failing else 0.15)
        self.stamping = one_of() < 0.2
        self.replacing = one_of() < 0.3
        self.sending = one_of() < 0.15
        self.mapping = one_of() < 0.25
        self.having_options = one_of() < 0.2
        self.extending = one_of() < 0.15

    def description(self):
        return self.node(self.depth)

    def chance(self, probability):
        return self.random.random() < probability

    def label(self):
        self.labels += 1
        self.left -= 1
        return self.labels

    def node(self, depth):
        """Any canvas of so many levels at most."""
        if depth <= 1 or self.left <= 1 or self.chance(0.15):
            return self.decorated(self.leaf(depth), depth)
        kind = self.random.choices(["chain", "group", "chord"], [5, 3, 3])[0]
        parts = [self.node(depth - 1) for _ in range(self.width())]
        if kind == "chord":
            if self.extending and self.left > 1 and self.chance(0.5):
                return self.decorated(self.extended(parts, depth), depth)
            return self.decorated({"kind": kind, "parts": parts, "body": self.node(depth - 1)}, depth)
        return self.decorated({"kind": kind, "parts": parts}, depth)

    def extended(self, parts, depth):
        """A chord with a task that adds another canvas to its header. That has the same place as the task, so that nobody knows
        in which order the body gets the results."""
        canvas = self.node(min(depth - 1, 2))
        # What a group comes to is no use to compare: cases.py has one.
        while not ends_in_one_task(canvas):
            canvas = self.task(1)
        task = self.named("extend", {"canvas": canvas})
        parts.insert(self.random.randrange(len(parts) + 1), task)
        return {"kind": "chord", "parts": parts, "body": self.named("total", {})}

    def width(self):
        return self.random.choices([1, 2, 3, 4, 5], [2, 6, 5, 2, 1])[0]

    def leaf(self, depth):
        if self.mapping and self.chance(0.3):
            return self.mapped()
        return self.task(depth)

    def mapped(self):
        kind = self.random.choice(["map", "starmap", "chunks"])
        description = {"kind": kind, "label": self.label(), "items": list(range(self.random.randrange(1, 5)))}
        if kind == "chunks":
            description["size"] = self.random.randrange(1, 4)
        else:
            description["options"] = {"queue": self.random.choice(QUEUES)}
        return description

    def task(self, depth):
        label = self.label()
        description = self.named(*self.call(depth), label=label)
        if self.chance(0.5):
            description["args"] = [self.random.randrange(100) for _ in range(self.random.randrange(1, 3))]
        if self.chance(0.15):
            description["immutable"] = True
        if self.having_options and self.chance(0.3):
            name, value = self.random.choice(OPTIONS)
            description["options"][name] = value
        return description

    def named(self, name, kwargs, label=None):
        return {"kind": "task", "name": f"canvas.{name}", "label": label or self.label(),
                "options": {"queue": self.random.choice(QUEUES)}, **({"kwargs": kwargs} if kwargs else {})}

    def call(self, depth):
        """The name and the arguments of a task."""
        if self.failing and self.chance(0.15):
            return "fail", {"error": self.random.choice(ERRORS)}
        if self.chance(0.08):
            times = self.random.randrange(1, 3)
            return "retry", {"times": times, "most": times - 1 if self.failing and self.chance(0.3) else times}
        if self.replacing and self.left > 0 and self.chance(0.2):
            return "replace", {"canvas": self.node(min(depth, 3))}
        if self.sending and self.left > 0 and self.chance(0.2):
            return "send", {"canvas": self.node(min(depth, 2))}
        return self.random.choice([("add", {"n": self.random.randrange(1, 9)}), ("echo", {}), ("total", {}), ("nothing", {})]
                                  if self.chance(0.9) else [("add", {})])

    def decorated(self, description, depth):
        """With links and stamps."""
        if self.linking and self.left > 0 and self.chance(0.12):
            description["link"] = [self.node(min(depth - 1, 2)) for _ in range(self.random.choice([1, 1, 2]))]
        if self.linking_errors and self.left > 0 and self.chance(0.3):
            description["link_error"] = [self.errback() for _ in range(self.random.choice([1, 1, 2]))]
        if self.stamping and self.chance(0.2):
            description["stamps"] = {self.random.choice(["colour", "order"]): self.random.choice(["red", 7, ["a", "b"]])}
        return description

    def errback(self):
        description = self.named(self.random.choice(["told", "failed"]), {})
        if description["name"] == "canvas.told":
            if self.chance(0.2):
                description["immutable"] = True
            if self.left > 0 and self.chance(0.2):
                return {"kind": "chain", "parts": [description, self.named("echo", {})]}
        return description


def ends_in_one_task(description):
    if description["kind"] == "chain":
        return ends_in_one_task(description["parts"][-1])
    if description["kind"] == "chord":
        return ends_in_one_task(description["body"])
    # One that is replaced may become anything.
    return description["kind"] not in ("group", "chunks") and description.get("name") != "canvas.replace"


def shown(description, indent=""):
    """The description as a tree, a line for each part."""
    marks = [f"{key}={description[key]}" for key in ("args", "immutable", "stamps", "items", "size") if key in description]
    options = dict(description.get("options", {}))
    queue = options.pop("queue", None)
    kwargs = {key: value for key, value in description.get("kwargs", {}).items() if key != "canvas"}
    name = description.get("name", description["kind"]).removeprefix("canvas.")
    label = f" #{description['label']}" if "label" in description else ""
    lines = [" ".join(filter(None, [f"{indent}{name}{label}", f"@{queue}" if queue else "", str(kwargs) if kwargs else "",
                                    str(options) if options else "",
                                    *marks]))]
    inner = [("", part) for part in description.get("parts", [])]
    inner += [("body: ", description[key]) for key in ("body",) if key in description]
    inner += [("with: ", description["kwargs"]["canvas"])] if "canvas" in description.get("kwargs", {}) else []
    inner += [(f"{key}: ", each) for key in ("link", "link_error") for each in description.get(key, [])]
    for prefix, part in inner:
        first, *rest = shown(part, indent + "    ")
        lines += [first.replace(indent + "    ", indent + "    " + prefix, 1), *rest]
    return lines
