"""What became of the tests, as JUnit's XML and Swift Testing's event stream tell it."""
import json
import xml.etree.ElementTree as xml


class Counts:
    """What became of each test, by its key: a test that is skipped in one part may pass in another."""

    def __init__(self):
        self.outcomes = {}
        # What people call the test, and why it was skipped.
        self.names = {}
        self.reasons = {}

    def passed(self, key, name=None):
        self.names[key] = name or key
        if self.outcomes.get(key) != "failed":
            self.outcomes[key] = "passed"

    def failed(self, key, name=None):
        self.names[key] = name or key
        self.outcomes[key] = "failed"

    def skipped(self, key, reason, name=None):
        self.names[key] = name or key
        if self.outcomes.setdefault(key, "skipped") == "skipped":
            self.reasons[key] = reason

    def count(self, outcome):
        return sum(each == outcome for each in self.outcomes.values())


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
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed(key)
        elif (skip := case.find("skipped")) is not None:
            counts.skipped(key, skip.get("message") or skip.text or "no reason given")
        else:
            counts.passed(key)


def read_events(part, path, counts, prefix="swift"):
    """Swift Testing's event stream, one JSON object a line. A test counts once for all parts with this prefix."""
    names, failed, has_ended = {}, set(), False

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
                module = payload["id"].split(".")[0]
                names[payload["id"]] = f"{prefix}: {module}: {payload.get('displayName') or payload['name']}"
            continue
        kind, identifier = payload["kind"], payload.get("testID")
        if kind == "runEnded":
            has_ended = True
        elif kind == "issueRecorded" and is_failure(payload["issue"]):
            # An issue may belong to a suite, or to no test at all.
            failed.add(identifier)
            if identifier not in names:
                counts.failed(f"{prefix}: {identifier}")
        elif identifier not in names:
            continue
        elif kind == "testStarted":
            started[identifier] = None
        elif kind == "testSkipped":
            reason = next((each["text"] for each in payload["messages"]), "")
            counts.skipped(key(identifier), skip_reason(reason), names[identifier])
        elif kind == "testEnded":
            started.pop(identifier, None)
            (counts.failed if identifier in failed else counts.passed)(key(identifier), names[identifier])
    for identifier in started:
        counts.failed(key(identifier), f"{names[identifier]} (did not end)")
    if not names:
        counts.failed(f"{part}: no test was run")
    elif not has_ended:
        counts.failed(f"{part}: the run did not end")


def is_failure(issue):
    """Known issues and warnings are not."""
    return not issue.get("isKnown") and issue.get("isFailure", True)


def skip_reason(text):
    """The reason alone, out of `Test "name" skipped: "reason"`: it is the only thing that differs between fewer tests."""
    _, mark, reason = text.rpartition(" skipped: ")
    return reason.strip('"') if mark else "no reason given"
