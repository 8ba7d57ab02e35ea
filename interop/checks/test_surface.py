"""What the library's modules show to their users: all of it is documented, and time has one unit."""
import collections
import json
import re

import pytest

from checks import modules

LIBRARIES = [
    "Celery", "CeleryCommands", "CeleryMetrics", "CeleryProtocol", "CeleryRabbitMQ", "CeleryRedis", "CelerySettings",
    "CeleryTesting", "CeleryTracing", "CeleryTransport",
]
TIME = re.compile(r"second|expir|ttl|timeout|time_?limit|lease|interval|countdown|^eta$|runtime|delay|duration", re.IGNORECASE)
NUMBER = re.compile(r"\b(Double|Float|U?Int\d*|String|TimeInterval)\b")
# Parts of a date as Python counts them, and a number of tasks.
NO_SPANS = {"PythonDateTime.second", "PythonDateTime.microsecond", "CeleryWorker.Options.etaLimit"}


@pytest.fixture(scope="module")
def symbols(tmp_path_factory):
    """(module, name, declaration, whether it is documented) of everything that is public."""
    found = []
    folder = tmp_path_factory.mktemp("symbols")
    for module in LIBRARIES:
        modules.public_symbols(module, str(folder))
    for path in sorted(folder.glob("*.json")):
        module = path.name.split(".")[0].split("@")[0]
        for symbol in json.loads(path.read_text(encoding="utf-8"))["symbols"]:
            declaration = "".join(part["spelling"] for part in symbol.get("declarationFragments", []))
            found.append((module, ".".join(symbol["pathComponents"]), declaration, bool(symbol.get("docComment"))))
    return found


def test_every_public_declaration_is_documented(symbols):
    counts = collections.Counter(module for module, _, _, _ in symbols)
    print("public declarations:", ", ".join(f"{module} {count}" for module, count in sorted(counts.items())))
    assert counts["Celery"] > 100 and set(LIBRARIES) - set(counts) <= {"CelerySettings"}
    assert [f"{module}: {name}" for module, name, _, is_documented in symbols if not is_documented] == []


def test_time_is_a_duration_or_a_date(symbols):
    def parts(name, declaration):
        """The names of a declaration with their types."""
        yield from re.findall(r"(\w+) ?: ([^,)=]+)", declaration)
    spans = []
    for _, name, declaration, _ in symbols:
        if name in NO_SPANS:
            continue
        for label, kind in parts(name, declaration):
            if TIME.search(label) and NUMBER.search(kind) and label != "etaLimit":
                spans.append(f"{name}: {label}: {kind.strip()}")
    assert spans == []
