"""What a fault of Python's may explain in `interop/canvas`: what is about its own tasks and those after them, and no more."""
import pytest

from canvases import explained, reach
from canvases.cases import QUEUES, Builder, chain, chord, group
from canvases.explained import Case, fault


def outcome(*calls, **results):
    return {"calls": list(calls), "results": {name.replace("_", " "): result for name, result in results.items()}, "repeated": []}


def call(label, **more):
    return {"label": label, "task": f"task {label}", "parent": None, "group": None, "root": f"task {label}", **more}


@pytest.fixture
def builder():
    return Builder(QUEUES)


def test_what_follows_a_part_is_what_comes_after_it_and_what_is_linked_to_it_or_around_it(builder):
    b = builder
    first, second, beside, body = b.task("add"), b.task("add", link=[]), b.task("add"), b.task("total")
    link, errback, last = b.task("echo"), b.task("told"), b.task("add")
    second["link"] = [link]
    inner = chord([chain(first, second), beside], body, link_error=[errback])
    canvas = chain(inner, last)
    assert reach.following(canvas, first) == {str(each["label"]) for each in (second, link, body, errback, last)}
    assert reach.following(canvas, beside) == {str(each["label"]) for each in (body, errback, last)}
    assert reach.following(canvas, link) == set()
    assert reach.following(canvas, last) == set()


def test_nothing_follows_a_canvas_that_a_task_sends_but_what_follows_one_that_replaces_it(builder):
    b = builder
    sent, replacing = b.task("add"), b.task("add")
    end = b.task("add")
    canvas = chain(group(b.task("send", canvas=sent), b.task("replace", canvas=replacing)), end)
    assert reach.following(canvas, sent) == set()
    assert reach.following(canvas, replacing) == {str(end["label"])}


def test_chunks_that_replace_a_task_explain_what_follows_it_and_nothing_beside_it(builder):
    b = builder
    replaced, beside, body = b.task("replace", canvas=b.items("chunks", 2, size=2)), b.task("add"), b.task("echo")
    canvas = chord([replaced, beside], body)
    label, other, last = (each["label"] for each in (replaced, beside, body))
    case = Case(canvas, outcome(call(label), call(other)), outcome(call(last)), ("python", "mixed"))

    def explains(place, expected, actual):
        return explained.replaces_by_chunks(case).covers(case, (place, expected, actual))
    assert explains("/calls", "nothing", call(last))
    assert explains(f"/results/task {label}", "nothing", {"status": "SUCCESS"})
    assert explains(f"/results/task {last}/status", "PENDING", "SUCCESS")
    assert not explains("/calls", call(label), "nothing")
    assert not explains("/calls", call(other), "nothing")
    assert not explains(f"/results/task {other}/result", 1, 2)
    # Its group may have the other task in it, but no other one.
    assert explains(f"/results/task {other}/group", f"group (task {other})", f"group (task {last}, task {other})")
    assert not explains(f"/results/task {other}/group", f"group (task {other})", None)
    assert not explains(f"/results/task {other}/group", f"group (task {other})", f"group (task 99, task {other})")


def test_the_error_of_a_chord_may_name_only_a_member_that_has_failed(builder):
    canvas = group(builder.task("add"))
    failed = {"status": "FAILURE", "group": "group (task 1, task 2)", "result": {"exc_type": "KeyError", "exc_message": ["key"]}}
    other = {**failed, "result": {"exc_type": "ChordError", "exc_message": ["Dependency task 9 raised OSError()"]}}
    body = {"status": "FAILURE", "group": None, "result": {"exc_type": "ChordError", "exc_message": []}}
    results = outcome(task_1=failed, task_2=other, the_result=body)
    case = Case(canvas, results, results, ("python", "mixed"))
    place = "/results/the result/result/exc_message"
    messages = ["Join error: KeyError('key')"], ["Dependency task 9 raised OSError()"]
    assert fault(case, (place, *messages)).name == "names another member"
    assert fault(case, (place, messages[0], ["Join error: ValueError()"])) is None


def test_a_traceback_may_be_missing_with_python_and_not_with_swift(builder):
    failed = {"status": "FAILURE", "group": None}
    case = Case(builder.task("add"), outcome(the_result=failed), outcome(the_result=failed), ("python", "mixed"))
    assert fault(case, ("/results/the result/traceback", False, True)).name == "no traceback"
    assert fault(case, ("/results/the result/traceback", True, False)) is None
