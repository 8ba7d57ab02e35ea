"""Canvases that once ended otherwise than with Python alone, or that show a fault of Python's. They are always run first."""
import dataclasses
import itertools

from canvases.generator import QUEUES


@dataclasses.dataclass
class FixedCase:
    name: str
    # By name: with the tasks on the queues in turn, and all on the one that Swift serves in a mixed fleet.
    canvases: dict
    # The fault of Python's that explains what is different; None where nothing may be.
    fault: str


class Builder:
    """Labels the tasks as they come, and sends them to the queues in turn."""

    def __init__(self, queues):
        self.labels = itertools.count(1)
        self.queues = itertools.cycle(queues)

    def task(self, name, *args, immutable=False, **kwargs):
        description = {"kind": "task", "name": f"canvas.{name}", "label": next(self.labels),
                       "options": {"queue": next(self.queues)}, "args": list(args), "kwargs": kwargs}
        return {**description, "immutable": True} if immutable else description

    def fail(self):
        return self.task("fail", error=["ValueError", "no luck"])

    def items(self, kind, count, **more):
        return {"kind": kind, "label": next(self.labels), "items": list(range(count)), **more}


def chain(*parts, **more):
    return {"kind": "chain", "parts": list(parts), **more}


def group(*parts, **more):
    return {"kind": "group", "parts": list(parts), **more}


def chord(parts, body, **more):
    return {"kind": "chord", "parts": parts, "body": body, **more}


def every():
    for function, fault in CASES:
        name = function.__name__.replace("_", "-")
        ways = {name: QUEUES, f"{name}-turned": QUEUES[::-1], f"{name}-swift": QUEUES[1:]}
        yield FixedCase(name, {each: function(Builder(queues)) for each, queues in ways.items()}, fault)


def failed_body(b):
    """The failure of a body is stored without its group and its parent."""
    return chord([chain(b.items("starmap", 2), b.task("add"), b.fail()), b.task("add", 2), b.task("echo", 3)], b.task("total"))


def failed_body_of_a_chain(b):
    return chain(b.task("add", 1), group(b.fail(), b.task("add")), b.task("total"), b.task("add"))


def failed_group_for_a_body(b):
    body = group(b.task("add"), b.task("echo"), link_error=[b.task("told"), b.task("failed")])
    return chord([b.fail(), b.task("add", 1)], body)


def failed_chord_in_a_header(b):
    inner = chord([b.fail(), b.task("add", 2)], b.task("total"))
    return chord([inner, b.task("add", 1)], b.task("echo"), link_error=[b.task("told")])


def failed_chord_whose_body_is_a_chain(b):
    return group(chord([b.task("add", 1), b.fail()], chain(b.task("total"), b.task("add"))), b.task("add", 1))


def group_after_a_group_and_a_failure(b):
    return chain(group(b.fail(), b.task("add", 2)), group(b.task("total"), b.task("echo")), b.task("echo"))


def steps_once_for_each_member(b):
    return chain(group(b.task("add", 1), b.task("echo", 2)), group(b.task("total"), b.task("echo")),
                 b.task("retry", times=1, most=1))


def linked_chunks(b):
    return b.items("chunks", 3, size=2, link=[b.task("echo")], stamps={"colour": "red"})


def chunks_before_a_step(b):
    return chain(b.task("add", 1), b.items("chunks", 3, size=2), b.task("echo"))


def list_of_stamps_in_another(b):
    stamped = b.task("add", 1)
    stamped["stamps"] = {"order": ["a", "b"]}
    return group(stamped, b.task("add", 2), stamps={"order": ["a", "b"]})


def tree_after_a_chord_and_groups(b):
    inner = chain(chord([b.task("add", 1), b.task("add", 2)], b.task("total")), group(b.task("add"), b.task("echo")),
                  group(b.task("echo"), b.task("total")))
    return chain(group(inner, b.task("add", 3)), b.task("echo"))


def chain_with_a_link_in_a_chain(b):
    linked = chain(b.task("add", 1), b.task("retry", times=1, most=1), link=[b.task("echo"), b.task("nothing")])
    return chain(linked, b.task("add"))


def replaced_by_a_group_with_chords(b):
    inner = group(b.task("add", 1), chord([b.task("total", 7), b.items("map", 2), b.task("add", 3)], b.task("total")))
    return group(b.task("replace", canvas=inner), b.items("map", 2))


def replaced_in_a_header(b):
    steps = chain(b.task("replace", canvas=b.task("retry", 45, times=2, most=1)), b.items("starmap", 2))
    return chord([steps, b.task("nothing", 1)], b.task("add"), stamps={"colour": "red"})


def failure_before_a_chord_in_a_group(b):
    steps = chain(b.fail(), b.task("add"), group(b.task("add"), b.task("echo")), b.task("total"), b.task("add"))
    return group(steps, b.task("add", 1))


def group_for_a_body_and_a_chord(b):
    first = chord([b.task("add", 1)], group(b.items("map", 2), b.task("echo")))
    return chain(first, chord([b.task("add"), b.task("echo")], b.task("nothing")), b.task("add"))


def errback_that_is_a_chain(b):
    failing = b.fail()
    return group({**failing, "link_error": [chain(b.task("told"), b.task("echo")), b.task("told")]}, b.task("add", 1))


def failed_chain_that_ends_in_a_group_in_a_header(b):
    steps = chain(b.task("echo", 1), b.fail(), group(b.task("echo"), b.task("nothing")))
    return chord([steps, group(b.task("add", 1), b.fail()), b.task("add", 2)], b.task("add"))


def member_that_extends_its_chord(b):
    return chord([b.task("add", 1), b.task("extend", canvas=chain(b.task("add", 5), b.task("add")))], b.task("total"))


def member_that_extends_its_chord_by_a_group(b):
    return chord([b.task("add", 1), b.task("extend", canvas=group(b.task("add", 5), b.task("echo", 7)))], b.task("total"))


def failure_before_a_step_whose_result_is_ignored(b):
    last = b.task("echo")
    last["options"]["ignore_result"] = True
    return chord([chain(b.fail(), last), b.task("add", 1)], b.task("total"))


def replaced_by_chunks(b):
    return chord([b.task("replace", canvas=b.items("chunks", 2, size=2)), b.task("add", 1)], b.task("echo"))


def replaced_by_a_group_that_fails(b):
    """The body of the chord that the group becomes has the id of the task, which has run."""
    return b.task("replace", canvas=group(b.fail(), b.task("nothing", 1)))


def chords_in_the_last_group_of_a_chain(b):
    inner = chord([b.task("add", 1), b.task("add", 2)], b.task("total"))
    return chord([chain(b.task("add", 1), group(inner, b.task("add"))), b.task("add", 3)], b.task("total"))


def two_failures_in_a_header_of_groups(b):
    """Python names any of the two: it goes through a set of their ids."""
    steps = chain(chord([b.fail()], b.task("echo")), b.task("total"), b.task("nothing"))
    other = chain(b.task("add", 1), b.task("fail", error=["RuntimeError"]))
    return chord([chain(b.task("add", 1), group(b.task("add"), b.task("add"))), group(steps, other)], b.task("total"))


def failure_before_a_chord_in_a_header(b):
    """A chord of which a chord has failed fails with the same error."""
    steps = chain(chord([b.fail()], b.task("echo")), b.task("total"), b.task("nothing"))
    return chord([chain(b.task("add", 1), group(b.task("add"), b.task("add"))), steps], b.task("total"))


def chunks_in_the_last_group_of_a_chain(b):
    """What they have sent is named by a group where the chord ends, and by nobody where it does not."""
    last = group(b.task("nothing", 9), b.items("chunks", 4, size=3), b.task("echo", 21))
    steps = chain(b.task("total", 1), last, link=[b.task("nothing")])
    return chord([steps, b.task("add", 3)], b.task("add", 51))


def chord_as_the_only_step_of_a_chain(b):
    linked = chain(b.task("add", n=3), b.task("echo"), b.task("add", 5))
    return chain(chord([b.task("nothing", 1), b.task("add", 2)], b.task("echo", 63)), link=[linked], stamps={"colour": "red"})


def chord_of_chords_before_steps(b):
    inner = chord([b.fail(), b.task("total", 2), b.task("echo", 3)], b.task("echo"))
    other = chord([b.task("nothing", 1), b.task("total", 7)], b.task("nothing", 95))
    return group(chain(chord([inner, other, b.task("nothing", 4)], b.fail()), b.task("add", 48)), b.task("total", 1, immutable=True))


def linked_chain_that_ends_with_a_chord_before_steps(b):
    body = chain(b.task("nothing"), b.task("add", 91, n=4, immutable=True))
    first = chain(b.task("add", 1), chord([b.task("nothing"), b.task("add", 42)], body), link=[b.task("echo")])
    return chain(first, b.task("echo"), b.task("add", immutable=True))


def replaced_by_a_chord_whose_member_is_replaced_by_chunks(b):
    inner = b.task("replace", canvas=b.items("chunks", 1, size=2))
    return chain(b.task("replace", canvas=chord([inner, b.task("echo", 1)], b.task("echo"))), b.task("echo", 83))


def chunks_and_links_at_the_end_of_chains(b):
    inner = chain(b.task("echo", 52), b.items("chunks", 1, size=2, link=[b.task("add", 1)]), link=[b.task("nothing", 24)])
    return chain(chain(b.task("nothing"), b.task("total", 33)), inner, link=[group(b.task("echo"), b.task("total"))])


def stamped_chord_with_a_group_for_its_body(b):
    body = group(b.task("echo", 94), b.task("echo", 1))
    return chord([b.task("add", 1), b.task("total", 2)], body, stamps={"order": 7})


def groups_in_a_row_in_a_chain_within(b):
    inner = chain(b.task("add", 1), group(b.task("add"), b.items("chunks", 2, size=1)), group(b.task("echo"), b.task("add", 11)))
    return chain(chain(inner, b.task("nothing")), b.task("total"))


def chord_in_the_group_that_is_a_body_in_a_header(b):
    inner = chord([b.task("add", n=8), b.task("nothing")], b.task("total"))
    member = chord([b.task("echo"), b.task("add", 1)], group(b.task("add", n=2), inner))
    return chord([b.task("nothing"), member], b.task("total"))


def errbacks_of_a_chord_of_chords_with_a_group_for_its_body(b):
    inner = chord([b.task("total", 71), b.fail()], b.task("nothing"))
    body = group(b.task("add"), b.task("total"))
    return chord([inner, chord([b.task("nothing", 58)], b.fail())], body, link_error=[b.task("told"), b.task("failed")])


def chord_linked_in_a_stamped_header(b):
    def stamped(task):
        return {**task, "stamps": {"order": "red"}}
    linked = chord([stamped(b.task("nothing"))], stamped(b.task("echo")))
    return chord([{**b.task("add", 1), "link": [linked]}, b.task("add", 2)], b.task("total"), stamps={"order": 7})


def group_and_a_chain_of_one(b):
    end = chain(b.task("replace", 11, canvas=b.task("echo")))
    return chain(group(b.task("echo"), b.task("total")), chord([b.task("nothing")], b.task("add", n=4)), end)


def failed_header_before_a_body_that_is_a_chain_of_one(b):
    body = chain({**b.task("total", immutable=True), "link_error": [b.task("failed")]})
    return chord([b.task("add", 1), b.fail()], body)


def replaced_by_chunks_in_a_header(b):
    member = chain(b.task("add", 3), b.task("replace", 35, canvas=b.items("chunks", 2, size=2)))
    return chord([member, b.task("add", 1)], b.task("total"))


def chunks_beside_a_task_replaced_by_chunks(b):
    member = chain(chain(chain(b.task("replace", canvas=b.items("chunks", 1, size=1)), b.task("nothing", 71))))
    return group(member, b.items("chunks", 4, size=1))


def chunks_linked_to_chunks(b):
    return {**b.items("chunks", 4, size=3), "link": [b.items("chunks", 1, size=1)]}


def replaced_by_a_failure_with_errbacks_one_of_which_is_a_chain(b):
    told = [chain(b.task("told"), b.task("echo")), b.task("told", immutable=True)]
    return group({**b.task("replace", canvas=b.fail()), "link_error": told})


def linked_chunks_in_a_header_within(b):
    header = [{**b.items("chunks", 2, size=2, options={"queue": next(b.queues)}), "link": [b.task("echo")]}, b.task("add", 1)]
    return chord([b.items("starmap", 2)], chord([chord(header, b.task("add"))], group(b.task("nothing", immutable=True))))


def replaced_in_a_header_by_a_chord_that_fails(b):
    inner = chord([b.fail(), b.task("add", 1)], b.task("nothing"))
    member = chain(chain(b.task("add", 2), b.task("replace", canvas=inner)), chain(b.task("total", 42)))
    return chord([member, b.task("nothing")], b.task("echo"))


def chunks_before_steps_in_a_header_beside_others(b):
    chunks = [b.items("chunks", count, size=2, options={"queue": next(b.queues)}) for count in (4, 3, 2)]
    member = chain(group(*chunks[:2]), chunks[2], b.task("nothing"))
    return chord([member, b.items("starmap", 2)], b.task("echo"))


CASES = [
    (failed_body, None),
    (failed_body_of_a_chain, None),
    (failed_group_for_a_body, None),
    (failed_chord_in_a_header, "waits for ever"),
    (failed_chord_whose_body_is_a_chain, "waits for ever"),
    (group_after_a_group_and_a_failure, "waits for ever"),
    (steps_once_for_each_member, None),
    (linked_chunks, "chunks lose their options"),
    (chunks_before_a_step, "chunks break a chain"),
    (list_of_stamps_in_another, "stamps share a list"),
    (tree_after_a_chord_and_groups, "other ids in a tree"),
    (chain_with_a_link_in_a_chain, None),
    (replaced_by_a_group_with_chords, None),
    (replaced_in_a_header, None),
    (failure_before_a_chord_in_a_group, None),
    (group_for_a_body_and_a_chord, None),
    (errback_that_is_a_chain, "errbacks that are chains"),
    (failed_chain_that_ends_in_a_group_in_a_header, "waits for ever"),
    (member_that_extends_its_chord, None),
    (member_that_extends_its_chord_by_a_group, "groups do not extend"),
    (failure_before_a_step_whose_result_is_ignored, "stores what is ignored"),
    (replaced_by_chunks, "chunks do not replace"),
    (replaced_by_a_group_that_fails, None),
    (chords_in_the_last_group_of_a_chain, "reports to a group within"),
    (two_failures_in_a_header_of_groups, None),
    (failure_before_a_chord_in_a_header, None),
    (chunks_in_the_last_group_of_a_chain, "chunks break a chain"),
    (chord_as_the_only_step_of_a_chain, None),
    (chord_of_chords_before_steps, "waits for ever"),
    (linked_chain_that_ends_with_a_chord_before_steps, None),
    (replaced_by_a_chord_whose_member_is_replaced_by_chunks, "chunks do not replace"),
    (chunks_and_links_at_the_end_of_chains, "chunks break a chain"),
    (stamped_chord_with_a_group_for_its_body, None),
    (chord_linked_in_a_stamped_header, "stamps miss links"),
    (group_and_a_chain_of_one, None),
    (failed_header_before_a_body_that_is_a_chain_of_one, None),
    (replaced_by_chunks_in_a_header, "chunks do not replace"),
    (chord_in_the_group_that_is_a_body_in_a_header, "reports to a group within"),
    (errbacks_of_a_chord_of_chords_with_a_group_for_its_body, None),
    (groups_in_a_row_in_a_chain_within, None),
    (chunks_beside_a_task_replaced_by_chunks, "chunks do not replace"),
    (chunks_linked_to_chunks, "chunks lose their options"),
    (replaced_by_a_failure_with_errbacks_one_of_which_is_a_chain, "errbacks that are chains"),
    (linked_chunks_in_a_header_within, "chunks break a chain"),
    (replaced_in_a_header_by_a_chord_that_fails, "waits for ever"),
    (chunks_before_steps_in_a_header_beside_others, "chunks break a chain"),
]
