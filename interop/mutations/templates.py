"""The captured messages of `Fixtures/`, taken apart so that any value in them can be replaced."""
import base64
import datetime
import glob
import json
import os

from fleet.paths import ROOT
from mutations.values import ABSENT, Raw

# Stands for the id of the message; every mutant gets an id of its own.
ID = "00000000-feed-4000-8000-000000000000"
RAW_MARK = "@@raw@@"
# Mutants of these would try again, or wait, for longer than a test can.
LARGEST_NUMBER = {"swift.flaky": 5}


def paths(value, path=()):
    """The path of each value in the value, and of the value itself."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], path + (key,))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from paths(element, path + (index,))


def replaced(document, path, value):
    """A copy of the document with another value in the place of the path. Only what lies on the path is copied."""
    if not path:
        return None if value is ABSENT else value
    copy = dict(document) if isinstance(document, dict) else list(document)
    if len(path) == 1 and value is ABSENT:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(document[path[0]], path[1:], value)
    return copy


def dumps(value, raw=None):
    """JSON as Python writes it; `raw` is the text for which `RAW_MARK` stands."""
    text = json.dumps(value)
    return text if raw is None else text.replace(f'"{RAW_MARK}"', raw)


def tamed(value, key=None):
    """Times far ahead come nearer, as a run does not wait for them."""
    if isinstance(value, dict):
        return {name: tamed(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [tamed(item) for item in value]
    if key == "eta" and isinstance(value, str) and value > "2026":
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat()
    if key == "countdown" and isinstance(value, (int, float)):
        return min(value, 2)
    return value


class Template:
    """A captured message: its parts as one document, in which `places` are to be replaced."""

    def __init__(self, name, task, identifier, parts, body):
        self.name, self.task = name, task
        text = json.dumps(parts).replace(identifier, ID) if identifier else json.dumps(parts)
        self.parts = tamed(json.loads(text))
        self.body_bytes = body.replace(identifier.encode(), ID.encode()) if identifier else body
        self.document = dict(self.parts)
        try:
            body = json.loads(self.body_bytes)
        except ValueError:
            # Compressed, or in another serializer: it stays as it is.
            pass
        else:
            self.document["body"] = tamed(body)
            if self.document["body"] != body:
                self.body_bytes = json.dumps(self.document["body"]).encode()
        self.places = [path for path in paths(self.document) if path]

    def mutant(self, place, value):
        """The document with the value in that place, and the text for which `RAW_MARK` stands in it."""
        largest = LARGEST_NUMBER.get(self.task)
        if isinstance(value, (int, float)) and (
                place[-1] == "countdown" or largest and place[0] == "body" and value > largest):
            value = 2
        raw = value if isinstance(value, Raw) else None
        return replaced(self.document, place, RAW_MARK if raw else value), raw


def body_of(document, template, raw=None):
    """The body's bytes: as captured, unless something in it was replaced."""
    if "body" not in document:
        return b"" if "body" in template.document else template.body_bytes
    if document["body"] is template.document.get("body"):
        return template.body_bytes
    return dumps(document["body"], raw).encode()


def captured(topic):
    for path in sorted(glob.glob(os.path.join(ROOT, "Fixtures", topic, "*.json"))):
        with open(path, encoding="utf-8") as file:
            fixture = json.load(file)
        for case in fixture["cases"]:
            yield f"{fixture['celery']} {case['name']}", case


def redis_templates():
    for name, case in captured("redis-messages"):
        envelope = json.loads(case["raw"])
        is_base64 = envelope["properties"].get("body_encoding") == "base64"
        text = envelope.pop("body")
        body = base64.b64decode(text) if is_base64 else text.encode()
        yield Template(name, case["expect"]["task"], case["expect"]["id"], {"envelope": envelope}, body)


def amqp_templates():
    for name, case in captured("amqp-messages"):
        body = base64.b64decode(case["body_base64"]) if "body_base64" in case else case["body"].encode()
        # RabbitMQ itself drops what has expired, and refuses an expiration that it cannot read.
        properties = {key: value for key, value in case["properties"].items() if key != "expiration"}
        headers = {key: untyped(value) for key, value in case["headers"].items()}
        yield Template(
            name, case["expect"]["task"], case["expect"]["id"], {"headers": headers, "properties": properties}, body)


def untyped(field):
    letter, value = field
    if letter == "A":
        return [untyped(each) for each in value]
    if letter == "F":
        return {key: untyped(each) for key, each in value.items()}
    return value["base64"] if isinstance(value, dict) else value
