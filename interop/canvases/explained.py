"""Differences that are faults of Python's: each has a name, a sentence, and a precise condition.

A condition gets the description of a canvas, what became of it with Python alone and otherwise, and one difference.
"""
import dataclasses

from canvases.generator import ends_in_one_task
from canvases.reach import Reach, following, label, labels, links, parts


@dataclasses.dataclass
class Case:
    """One canvas, sent and run in two ways."""

    canvas: dict
    expected: dict
    actual: dict
    # The client, and the fleet.
    way: tuple


@dataclasses.dataclass
class Fault:
    name: str
    sentence: str
    # What tells whether it explains a difference, or how far it reaches in a canvas.
    explains: object = None
    reach: object = None

    def covers(self, case, difference):
        return self.explains(case, difference) if self.explains else self.reach(case).covers(case, difference)


def sent(description):
    """The canvases that are sent as a whole: by the client, or by a task."""
    yield description
    for each in parts(description):
        if each.get("name") in ("canvas.send", "canvas.replace", "canvas.extend"):
            yield each["kwargs"]["canvas"]


def named(canvas, name):
    """The tasks of that name."""
    return [each for each in parts(canvas) if each.get("name") == f"canvas.{name}"]


def followers(canvas, tasks):
    """The labels of all that comes after some parts of the canvas."""
    return set().union(*(following(canvas, task) for task in tasks))


def loses_options_of_chunks(case):
    wholes = [each for each in sent(case.canvas) if each["kind"] == "chunks"]
    stamped = [each for each in wholes if "stamps" in each]
    return Reach(labels(*stamped).union(*map(links, wholes)))


def replaces_by_chunks(case):
    tasks = [task for task in named(case.canvas, "replace") if task["kwargs"]["canvas"]["kind"] == "chunks"]
    touched = followers(case.canvas, tasks).union(*(labels(task["kwargs"]["canvas"]) for task in tasks))
    return Reach(touched, ended={str(task["label"]) for task in tasks})


def extends_by_a_group(case):
    tasks = [task for task in named(case.canvas, "extend") if not ends_in_one_task(task["kwargs"]["canvas"])]
    touched = followers(case.canvas, tasks).union(*(labels(task["kwargs"]["canvas"]) for task in tasks))
    return Reach(touched)


def cannot_send_chunks(case):
    wholes = [id(each) for each in sent(case.canvas)]
    chunks = [each for each in parts(case.canvas) if each["kind"] == "chunks" and id(each) not in wholes]
    results = case.expected["results"]
    # Where its failure is stored under no name, its parts have run all the same.
    has_failed = any(f"chunks {each['label']}" not in results and f"task {each['label']}:0" in str(list(results)) for each in chunks)
    if not has_failed and "Object of type GroupResult is not JSON serializable" not in str(results):
        return Reach(())
    return Reach(followers(case.canvas, chunks), ended=labels(*chunks))


def stamps_miss_links(case, difference):
    """Whether it is a call of something in a linked canvas, which differs in its stamps alone."""
    place, expected, actual = difference
    if place != "/calls":
        return False
    stamped = [inner for outer in parts(case.canvas) if "stamps" in outer for inner in parts(outer)]
    linked = [each for inner in stamped for key in ("link", "link_error") for each in inner.get(key, [])]
    call, others = (expected, case.actual["calls"]) if actual == "nothing" else (actual, case.expected["calls"])

    def rest(call):
        return {key: value for key, value in call.items() if key not in ("stamps", "stamped")}
    return (label(call["label"]) in labels(*(each for each in linked if each["kind"] != "task"))
            and any(rest(call) == rest(other) for other in others))


def runs_once_for_each_member(case):
    names = [name for outcome in (case.expected, case.actual) for name in outcome["repeated"]]
    # Of a group with failures those members alone that succeed: it may be one.
    for group in bodies_that_steps_follow(case.canvas):
        results = [case.expected["results"].get(f"task {each}") for each in labels(group)]
        if any(map(has_failed, results)):
            names += [f"task {each}" for each in labels(group)]
    found = {label(each) for name in names for each in name.removeprefix("task ").split("=")}
    tasks = [each for each in parts(case.canvas) if str(each.get("label")) in found]
    return Reach(found | followers(case.canvas, tasks))


def bodies_that_steps_follow(canvas):
    """The groups that come after a group, and before something else."""
    for chain in parts(canvas):
        steps = chain["parts"] if chain["kind"] == "chain" else []
        for first, second, _ in zip(steps, steps[1:], steps[2:]):
            if first["kind"] == second["kind"] == "group":
                yield second


def is_chord(description):
    """Whether it becomes a chord."""
    if description["kind"] != "chain":
        return description["kind"] == "chord"
    first, *rest = description["parts"]
    return is_chord(first) or bool(rest) and first["kind"] == "group"


def last_groups(description):
    """The groups in which chains and chords end, in what stands in a header."""
    if description["kind"] == "group":
        return [group for each in description["parts"] for group in last_groups(each)]
    if description["kind"] not in ("chain", "chord"):
        return []
    is_long = description["kind"] == "chord" or len(description["parts"]) > 1
    last = description["body"] if description["kind"] == "chord" else description["parts"][-1]
    return [last] if last["kind"] == "group" and is_long else last_groups(last)


def reports_to_a_group_within(case):
    touched = set()
    for chord in parts(case.canvas):
        header = chord["parts"] if chord["kind"] == "chord" else []
        for group in [group for each in header for group in last_groups(each)]:
            for inner in filter(is_chord, group["parts"]):
                ends = [inner["body"]] if inner["kind"] == "chord" else inner["parts"][1:]
                touched |= labels(*ends) | following(case.canvas, inner)
    return Reach(touched)


def only_swift_ends(case):
    """The names of tasks that Python leaves waiting for ever after a failure, while with Swift they have failed too."""
    # A task that is replaced has run, and yet may wait for what has taken its place.
    ran = {call.get("task") for call in case.actual["calls"]} - {f"task {each['label']}" for each in named(case.canvas, "replace")}
    return {
        name for name, result in case.actual["results"].items() if name not in ran and name not in case.expected["results"]
        and has_failed(result)}


def waits_for_ever(case, difference):
    place, expected, actual = difference
    ended = only_swift_ends(case)
    told = tells_of(case, ended)
    if place == "/calls":
        # What is linked to chords in one another is told of the outer one alone, which never ends with Python.
        labels = {call["label"] for call in told}
        return actual in told or actual == "nothing" and "failed" in expected and expected["label"] in labels
    name = place.split("/")[2] if place.startswith("/results/") else None
    return name in {call.get("task") for call in told} or expected == "nothing" and name in ended


def tells_of(case, tasks):
    """The calls of errbacks that tell of these tasks; what is immutable is not told of which."""
    return [call for call in case.actual["calls"]
            if call.get("failed") in tasks or "failed" in call and call["failed"] is None and call["parent"] in tasks]


def ignores_chains(case, difference):
    """Whether it is about errbacks of a canvas in which one of them is a chain: those beside it are sent in one group with it."""
    errbacks = [errback for each in parts(case.canvas) for errback in each.get("link_error", [])]
    if all(errback["kind"] == "task" for errback in errbacks):
        return False
    labels = {str(each["label"]) for errback in errbacks for each in parts(errback) if "label" in each}
    place, expected, actual = difference
    if place == "/calls":
        return str((expected if actual == "nothing" else actual)["label"]) in labels
    if not place.startswith("/results/task "):
        return False
    return (place.split("/")[2].removeprefix("task ") in labels
            or place.endswith("/children") and Reach(labels).is_same_children(expected, actual))


def shares_stamps(case, difference):
    """Whether it is a call that is the same on the other side but for the lists among its stamps."""
    place, expected, actual = difference
    if place != "/calls":
        return False

    def without_lists(call):
        stamps = {key: value for key, value in call.get("stamps", {}).items() if not isinstance(value, list)}
        return {**call, "stamps": stamps}
    call, others = (expected, case.actual["calls"]) if actual == "nothing" else (actual, case.expected["calls"])
    return without_lists(call) != call and without_lists(call) in map(without_lists, others)


def retries_late(case, difference):
    place = difference[0].split("/")
    if place[1] != "results":
        return False
    results = [case.expected["results"].get(place[2]), case.actual["results"].get(place[2])]
    late = [isinstance(result, dict) and result["status"] == "RETRY" for result in results]
    # That the other one has ended shows that it does not wait for its next try.
    return any(late) and not all(late) and not (late[1] and runs_in_swift(case, place[2]))


def runs_in_swift(case, name):
    labels = set(name.removeprefix("task ").split("="))
    return case.way[1] == "mixed" and any(
        str(each.get("label")) in labels and each["name"] == "canvas.retry" and each["options"]["queue"] == "two"
        for each in parts(case.canvas) if each["kind"] == "task")


def forgets_group(case, difference):
    place = difference[0].split("/")
    if place[1] != "results" or place[3:] not in (["group"], ["fields"]):
        return False
    # Both are there when one field of them is different.
    before, now = case.expected["results"][place[2]], case.actual["results"][place[2]]
    return (before["status"] == "FAILURE" and before["group"] is None and {*before["fields"], "group_id"} == {*now["fields"]}
            and place[2] not in {call.get("task") for call in case.actual["calls"]})


def stores_what_is_ignored(case, difference):
    place, expected, actual = difference
    return (place.startswith("/results/") and actual == "nothing"
            and isinstance(expected, dict) and expected["status"] == "FAILURE"
            and place.split("/")[2] not in {call.get("task") for call in case.expected["calls"]}
            and any(each.get("options", {}).get("ignore_result") for each in parts(case.canvas)))


def has_other_ids(case, difference):
    """Whether the trees have the same shape, and where Python's has a task or a group that nobody has run, the other's has one
    that ran."""
    place, expected, actual = difference
    if place != "/tree" and not place.endswith("/children"):
        return False
    known = {call.get("task") for call in case.expected["calls"]} | set(case.expected["results"])
    reach = reach_of_all(case)

    def is_unknown(name):
        return name not in known or bool(reach.ended) and reach.is_open(name)

    def matches(left, right):
        if not left or not right:
            return left == right
        (name, parent), members = left
        (other, other_parent), others = right
        is_group = members is not None
        return (is_group == (others is not None) and (is_group or name == other or is_unknown(name))
                and matches(parent, other_parent) and len(members or []) == len(others or [])
                and all(map(matches, members or [], others or [])))
    if place == "/tree":
        return matches(expected, actual)
    return bool(expected and actual) and len(expected) == len(actual) and all(map(matches, expected, actual))


def cannot_be_sent(case, _):
    return case.expected.get("error") == "AttributeError: 'dict' object has no attribute 'clone'"


def has_failed(result):
    return isinstance(result, dict) and result["status"] == "FAILURE"


def has_no_traceback(case, difference):
    place, expected, actual = difference
    # Both are there when one field of them is different.
    return (place.startswith("/results/") and place.endswith("/traceback") and (expected, actual) == (False, True)
            and all(has_failed(outcome["results"][place.split("/")[2]]) for outcome in (case.expected, case.actual)))


def names_another_member(case, difference):
    """Whether a chord has failed because of one member with Python and of another one otherwise, and both have failed."""
    place, expected, actual = difference
    if place.startswith("/results/"):
        if place.split("/")[3:] != ["result", "exc_message"]:
            return False
        errors = [{"exc_type": "ChordError", "exc_message": each} for each in (expected, actual)]
        whole = [outcome["results"][place.split("/")[2]]["result"]["exc_type"] for outcome in (case.expected, case.actual)]
        return whole == ["ChordError"] * 2 and can_fail_with(case, errors)
    if place != "/calls":
        return False
    call, others = (expected, case.actual["calls"]) if actual == "nothing" else (actual, case.expected["calls"])
    if "error" not in call:
        return False
    for other in others:
        if other["label"] == call["label"] and {**other, "error": call.get("error")} == call:
            errors = [{"exc_type": each["error"][0], "exc_message": each["error"][1:]} for each in (call, other)]
            return can_fail_with(case, errors)
    return False


def can_fail_with(case, errors):
    """Whether both are errors of a chord, each because of another failed member of one group."""
    groups = {}
    for result in case.expected["results"].values():
        if isinstance(result, dict) and result["status"] == "FAILURE" and result["group"]:
            groups.setdefault(result["group"], []).append(chord_error(result["result"]))
    return any(all(error in group for error in errors) for group in groups.values())


def chord_error(cause):
    """The error of a chord with groups in its header, one of whose members has failed with this."""
    if cause["exc_type"] == "ChordError":
        return {"exc_type": "ChordError", "exc_message": cause["exc_message"]}
    text = f"{cause['exc_type']}({', '.join(map(repr, cause['exc_message']))})"
    return {"exc_type": "ChordError", "exc_message": [f"Join error: {text}"]}


FAULTS = [
    Fault(
        "chunks lose their options",
        "what is linked to chunks that are sent by themselves, and their stamps, is lost: `chunks.apply_async` sends "
        "a new group",
        reach=loses_options_of_chunks),
    Fault(
        "chunks do not replace",
        "what follows a task that is replaced by chunks never comes: a new group is sent, which has nothing to do "
        "with the task",
        reach=replaces_by_chunks),
    Fault(
        "chunks break a chain",
        "`celery.chunks` returns a GroupResult, which cannot be encoded as the argument of what follows it in a "
        "chain: the task and all that follows it fail",
        reach=cannot_send_chunks),
    Fault(
        "groups do not extend",
        "a group that is added to a chord runs the body for its own results, while the header never ends: with Swift it is "
        "one member of the header",
        reach=extends_by_a_group),
    Fault(
        "reports to a group within",
        "a chord in a group with which a chain or a chord in the header of another chord ends is counted as a member of that "
        "group, where nobody waits for it: the other chord never ends",
        reach=reports_to_a_group_within),
    Fault(
        "names another member",
        "where several tasks of a header with groups in it have failed, the chord's error names any of them: Python goes "
        "through a set of their ids. With Swift it is the first one in order",
        names_another_member),
    Fault(
        "no traceback",
        "what was to follow the body of a chord that fails has no traceback",
        has_no_traceback),
    Fault(
        "waits for ever",
        "when a chord fails that is a part of another chord's header, or tasks of a group or of a body are to follow "
        "what failed, nobody says so: they stay pending for ever. With Swift they have failed",
        waits_for_ever),
    Fault(
        "errbacks that are chains",
        "an errback that is a chain is called in the worker, as one that takes the exception, and fails: it is never "
        "sent",
        ignores_chains),
    Fault(
        "stamps share a list",
        "a canvas that is stamped with a list, within which a part has a stamp of that name already, puts the part's "
        "values into the list of all others too",
        shares_stamps),
    Fault(
        "once for each member",
        "a group within a chord's body that steps follow has these run once for each of its members, under the same "
        "ids: what they come to depends on which ends last",
        reach=runs_once_for_each_member),
    Fault(
        "stamps miss links",
        "the stamps of a canvas do not reach the tasks of a chord that is linked to a task of its header: they get lost with a "
        "copy of the link",
        stamps_miss_links),
    Fault(
        "cannot be sent",
        "Celery's client raises an AttributeError over some chains with links that stand in other chains: nothing is sent",
        cannot_be_sent),
    Fault(
        "late retry",
        "the message of the next try is sent before the state RETRY is stored, which may then be written over what "
        "that try has come to",
        retries_late),
    Fault(
        "forgets the group",
        "where a chain that never runs is the body of a chord, the failure of its last task is stored without the "
        "group that it belongs to",
        forgets_group),
    Fault(
        "stores what is ignored",
        "the failure of a step of a chain that never runs is stored although its option is `ignore_result`",
        stores_what_is_ignored),
    Fault(
        "other ids in a tree",
        "the tree of a chain in a chord's header, with groups after a chord, has ids under which nothing is ever sent",
        has_other_ids),
]



def reach_of_all(case):
    """How far they reach together: a group may lack a task because of one, and a list among the stamps be longer because of
    another."""
    every = [fault.reach(case) for fault in FAULTS if fault.reach]
    return Reach.union(every, has_lists=not any(isinstance(value, list) for each in parts(case.canvas)
                                                for value in each.get("stamps", {}).values()))


SEVERAL = Fault("several at once", "what is different because of more than one of these", reach=reach_of_all)


def fault(case, difference):
    """The fault that explains a difference; None for none."""
    return next((each for each in [*FAULTS, SEVERAL] if each.covers(case, difference)), None)
