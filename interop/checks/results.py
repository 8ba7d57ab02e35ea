"""What became of the tests, as JUnit's XML and Swift Testing's event stream tell it."""
import collections
import json
import re
import xml.etree.ElementTree as xml


# Of what a failure says, the end of the output shows so many lines of so many characters.
SHOWN_LINES, SHOWN_WIDTH = 6, 400


class Counts:
    """What became of each test, by its key: a test that is skipped in one part may pass in another."""

    def __init__(self):
        self.outcomes = {}
        # What people call the test: the part that said so last, the suite and the name.
        self.names = {}
        # The first that a test that failed has recorded, as lines.
        self.messages = {}
        # Why it was skipped, and in which part.
        self.reasons = {}

    def passed(self, key, name=None):
        self.names[key] = name or key
        if self.outcomes.get(key) != "failed":
            self.outcomes[key] = "passed"

    def failed(self, key, name=None, message=""):
        self.names[key] = name or key
        self.outcomes[key] = "failed"
        if not self.messages.get(key):
            self.messages[key] = [line for line in message.splitlines() if line.strip()]

    def skipped(self, part, key, reason, name=None):
        self.names[key] = name or key
        if self.outcomes.setdefault(key, "skipped") == "skipped":
            self.reasons[key] = (part, " ".join(reason.split()))

    def count(self, outcome):
        return sum(each == outcome for each in self.outcomes.values())

    def skips(self):
        """Each test that was skipped: part, reason, name."""
        return [(*self.reasons[key], self.names[key]) for key, outcome in self.outcomes.items() if outcome == "skipped"]

    def summary(self):
        """What the output ends with: each reason to skip once, then every failure with what it said first."""
        lines = [f"skipped: {part}: {reason} ({count})"
                 for (part, reason), count in collections.Counter(skip[:2] for skip in self.skips()).items()]
        for key, outcome in self.outcomes.items():
            if outcome == "failed":
                messages = self.messages[key]
                lines.append(f"failed: {self.names[key]}")
                lines += ["    " + line[:SHOWN_WIDTH] for line in messages[:SHOWN_LINES]]
                if len(messages) > SHOWN_LINES:
                    lines.append(f"    and {len(messages) - SHOWN_LINES} more lines")
        return lines


def read_junit(part, path, counts):
    """JUnit's XML, of pytest and of our own programs. A test that fails and cannot be cleaned up after is one test."""
    try:
        cases = list(xml.parse(path).getroot().iter("testcase"))
    except (OSError, xml.ParseError) as error:
        counts.failed(f"{part}: no results: {error}")
        return
    if not cases:
        counts.failed(f"{part}: no test was run")
    for case in cases:
        key = f"{part}: {case.get('classname')}: {case.get('name')}"
        problems = [each for each in case if each.tag in ("failure", "error")]
        if problems:
            counts.failed(key, message="\n".join(map(problem_text, problems)))
        elif (skip := case.find("skipped")) is not None:
            counts.skipped(part, key, skip.get("message") or skip.text or "no reason given")
        else:
            counts.passed(key)


def problem_text(problem):
    """The exception, after the last place of its traceback, which pytest keeps apart from it."""
    text = problem.text or ""
    places = re.findall(r"^\S+\.py:\d+: ", text, re.MULTILINE)
    return "".join(places[-1:]) + (problem.get("message") or text)


def read_events(part, path, counts, prefix="swift"):
    """Swift Testing's event stream, one JSON object a line. A test counts once for all parts with this prefix."""
    names, failed, has_ended = {}, {}, False

    def key(identifier):
        return f"{prefix}: {identifier}"

    try:
        with open(path, encoding="utf-8") as stream:
            records = [json.loads(line) for line in stream if line.strip()]
    except (OSError, ValueError) as error:
        counts.failed(f"{part}: no results: {error}")
        return
    started = {}
    for record in records:
        payload = record["payload"]
        if record["kind"] == "test":
            if payload["kind"] == "function":
                names[payload["id"]] = f"{part}: {suite(payload)}: {payload.get('displayName') or payload['name']}"
            continue
        kind, identifier = payload["kind"], payload.get("testID")
        if kind == "runEnded":
            has_ended = True
        elif kind == "issueRecorded" and is_failure(payload["issue"]):
            # An issue may belong to a suite, or to no test at all.
            message = "\n".join([failed.get(identifier, ""), issue_text(payload)])
            failed[identifier] = message
            if identifier not in names:
                counts.failed(f"{prefix}: {identifier}", f"{part}: {identifier}", message)
        elif identifier not in names:
            continue
        elif kind == "testStarted":
            started[identifier] = None
        elif kind == "testSkipped":
            reason = next((each["text"] for each in payload["messages"]), "")
            counts.skipped(part, key(identifier), skip_reason(reason), names[identifier])
        elif kind == "testEnded":
            started.pop(identifier, None)
            if identifier in failed:
                counts.failed(key(identifier), names[identifier], failed[identifier])
            else:
                counts.passed(key(identifier), names[identifier])
    for identifier in started:
        counts.failed(key(identifier), f"{names[identifier]} (did not end)", failed.get(identifier, ""))
    if not names:
        counts.failed(f"{part}: no test was run")
    elif not has_ended:
        counts.failed(f"{part}: the run did not end")


def suite(test):
    """Module and suites, out of an identifier that ends with the function and its place."""
    return "/".join(test["id"].split("/")[:-2]) or test["id"].split(".")[0]


def issue_text(payload):
    """What an issue says, after where it was recorded."""
    text = "\n".join(each["text"] for each in payload["messages"])
    place = payload["issue"].get("sourceLocation")
    return f"{place['fileID'].rpartition('/')[2]}:{place['line']}: {text}" if place else text


def is_failure(issue):
    """Known issues and warnings are not."""
    return not issue.get("isKnown") and issue.get("isFailure", True)


def skip_reason(text):
    """The reason alone, out of `Test "name" skipped: "reason"`: it is the only thing that differs between fewer tests."""
    _, mark, reason = text.rpartition(" skipped: ")
    return reason.strip('"') if mark else "no reason given"
