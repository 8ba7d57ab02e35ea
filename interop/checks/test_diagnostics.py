"""What the compiler says of code as users write it: that it compiles, or an error on the right line that helps."""
import re
import subprocess

import pytest

from checks import modules

SHAPE = "the closure takes the context and then each of the task's parameters: { context, x, y in … }"
RIGHT = [
    "TaskHandler(add) { context, x, y in x + y }",
    "TaskHandler(add) { _, x, y in x + y }",
    "TaskHandler(add, retry: .manual(maxRetries: 1)) { context, x, y in\n    print(context.id)\n    return x + y\n}",
    "TaskHandler(one) { _, x in x }",
    "TaskHandler(none) { _ in 1 }",
    "TaskHandler(nothing) { _, x in print(x) }",
    "TaskHandler(TaskDefinition(\"t\", Parameter(\"x\", as: [Int].self), returning: Int.self)) { _, x in x.count }",
    "TaskHandler(TaskDefinition(\"t\", Parameter(\"x\", as: Int.self))) { context, x in\n    print(context.id)\n    print(x)\n}",
    "TaskHandler(TaskDefinition(\"t\", returning: Int.self)) { _ in 1 }",
    "client.enqueue(named: \"t\")",
    "client.enqueue(named: \"t\", arguments: [6], keywords: [\"y\": 7])",
    "client.enqueue(named: \"t\", arguments: [1, nil, [1, \"a\"]], keywords: [\"y\": [\"z\": nil, \"a\": 1.5]])",
    "client.enqueue(named: \"t\", arguments: [path, 3, nil], keywords: [\"path\": path, \"width\": 3])",
    "client.enqueue(named: \"t\", keywords: [\"path\": path])",
    "client.enqueue(named: \"t\", arguments: values, keywords: words)",
    "client.enqueue(named: \"t\", arguments: [path]).value(as: [String: Int].self, timeout: .seconds(1))",
    "Signature(task: \"t\", arguments: [path])",
]
# The code, the line of it that the error is on, and what it says.
WRONG = [
    ("TaskHandler(add) { 1 }", 0, SHAPE),
    ("TaskHandler(add) { context in 1 }", 0, SHAPE),
    ("TaskHandler(add) { a, b in 1 }", 0, SHAPE),
    ("TaskHandler(add) { context, xy in xy.0 + xy.1 }", 0, SHAPE),
    ("TaskHandler(none) { 1 }", 0, SHAPE),
    ("TaskHandler(TaskDefinition(\"t\", Parameter(\"x\", as: Int.self), returning: Int.self)) { _, x, y in x }", 0, "same shape"),
    ("TaskHandler(add) { context, x, y, z in x }", 0, "same shape"),
    ("TaskHandler(add) {\n    context, x, y in\n    x + missing\n}", 2, "cannot find 'missing' in scope"),
    ("TaskHandler(add) { context, x, y in\n    \"text\"\n}", 1, "cannot convert value of type 'String'"),
    ("client.enqueue(named: \"t\", arguments: [client])", 0, "'CeleryClient' to expected"),
]
HEAD = """import Celery
let add = TaskDefinition("add", Parameter("x", as: Int.self), Parameter("y", default: 0), returning: Int.self)
let one = TaskDefinition("one", Parameter("x", as: Int.self), returning: Int.self)
let none = TaskDefinition("none", returning: Int.self)
let nothing = TaskDefinition("nothing", Parameter("x", as: Int.self))
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """The errors of all snippets: line by line of each."""
    text, starts = HEAD, {}
    for code in [*RIGHT, *(code for code, _, _ in WRONG)]:
        text += "func f%d(_ client: CeleryClient, path: String, values: [JSONValue], words: JSONObject) async throws {\n" % len(starts)
        starts[code] = text.count("\n") + 1
        text += f"_ = {'try await ' if 'client.' in code else ''}{code}\n}}\n"
    file = tmp_path_factory.mktemp("diagnostics") / "snippets.swift"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["swiftc", "-typecheck", "-swift-version", "6", *modules.arguments(), str(file)], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 1, done.stdout
    found = re.findall(r"^\S+snippets\.swift:(\d+):\d+: (?:error|warning): (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return {code: [(int(line) - start, message) for line, message in found if 0 <= int(line) - start <= code.count("\n")]
            for code, start in starts.items()}


@pytest.mark.parametrize("code", RIGHT)
def test_what_is_right_compiles_without_a_warning(errors, code):
    assert errors[code] == []


@pytest.mark.parametrize("code, line, text", WRONG)
def test_what_is_wrong_is_an_error_where_it_is_wrong(errors, code, line, text):
    assert any(at == line and text in message for at, message in errors[code]), errors[code]
    assert {at for at, _ in errors[code]} == {line}
