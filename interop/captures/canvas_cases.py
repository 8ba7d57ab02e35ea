"""The canvases that canvas_capture.py records. Each has a name, the Python code that builds it, and marks:

    call      the arguments of `apply_async`
    reads     also recorded from older senders: what a worker must read
    config    settings of the app
    replace   what the n-th message's task calls `self.replace` with
    extend    what the n-th message's task calls `self.add_to_chord` with
    frozen    false where `freeze` alone is not recorded
    messages  false where only the signature and the result are recorded

The names in the code are tasks that are registered nowhere: `add.s(1, 2)`, `add.si(1, 2)`, `add.sig((1,), countdown=3)`.
"""


class Case:
    def __init__(self, name, how, call="", reads=False, config={}, replace={}, extend={}, frozen=True,
                 messages=True):
        self.name, self.how, self.call, self.reads = name, how, call, reads
        self.config, self.replace, self.extend, self.frozen = config, replace, extend, frozen
        self.messages = messages


# What stands between `|`, and which of them one after another are recorded besides all pairs. There is no group of one in
# the middle: Python has the only task in its place, Swift has not.
STEPS = {
    "task": "{}", "group": "group({}, {})", "one": "group({},)", "chains": "group({} | {}, {})", "chain": "({} | {})",
    "chord": "chord([{}, {}], {})", "fan": "({} | group({}, {}))"}
COMPOSED = """
    task group task, task group group, task chord task, task chord group, task chord chain, task chord chord,
    task fan task, task fan group, task fan chord, task fan fan, task chains one, task chord one,
    group task task, group task group, group task one, group task chain, group task chord, group task fan,
    group group task, group group group, group chain task, group chain group, group chord task, group chord group,
    group fan task, group fan group, chains task chains, one task one, one group task,
    chord task group, chord group task, chord group group, chord group chord, chord chain task, chord chord task,
    chord fan task, chord fan chord, chord chord one, chain group task, chain chord fan, fan task task, fan task group,
    fan group task, fan chord group, task group task task, task group task group, task group group task,
    task chord group task, group task group task, group task group group, group task group chord, group task task group,
    group group task group, group task chain group, chord group task group, chord group task task,
    chord group chord group, fan group fan task, group fan fan fan
"""


def composed():
    """The cases with which `then` of Swift is compared."""
    names = [*STEPS, *(f"{first} {second}" for first in STEPS for second in STEPS)]
    names += [" ".join(name.split()) for name in COMPOSED.split(",")]
    return [Case(name, how(name), frozen=False, messages=False) for name in names]


def how(steps):
    """The code; each task has its number for an argument."""
    code = " | ".join(STEPS[step] for step in steps.split())
    return code.format(*(f"add.s({number})" for number in range(1, code.count("{}") + 1)))


CASES = [
    # Tasks.
    Case("task", "add.s(1, 2)", reads=True),
    Case("task-kwargs", "echo.s(1, b=2)"),
    Case("task-immutable", "add.si(1, 2)"),
    Case("task-called-with-arguments", "add.s(2)", call="(1,)"),
    Case("task-called-with-keywords", "echo.s(1, b=2)", call="(0,), {'b': 3, 'c': 4}"),
    Case("task-immutable-called-with-arguments", "add.si(1, 2)", call="(9,), {'z': 1}"),
    Case("task-id", "add.s(1, 2).set(task_id='my-id')"),
    Case("task-options", "add.s(1, 2).set(countdown=10, expires=60, priority=3, queue='slow', shadow='other', "
         "time_limit=5, soft_time_limit=4.5, retries=2, ignore_result=True, headers={'a': 1})", reads=True),
    Case("task-options-of-the-call", "add.s(1, 2).set(priority=3, queue='slow')",
         call="(), {}, priority=5, countdown=1, shadow=None"),
    Case("task-eta", "add.s(1, 2).set(eta='2030-01-02T03:04:05+00:00', expires='2030-01-03T00:00:00')"),
    Case("task-link", "linked(add.s(1, 2), mul.s(3))", reads=True),
    Case("task-links", "linked(add.s(1, 2), mul.s(3), mul.si(4, 5))", reads=True),
    Case("task-link-twice-the-same", "linked(add.s(1, 2), mul.s(3), mul.s(3))"),
    Case("task-link-group", "linked(add.s(1, 2), group(mul.s(3), mul.s(4)))"),
    Case("task-link-groups-and-tasks",
         "linked(add.s(1, 2), group(mul.s(3), mul.s(4)), mul.s(5), group(mul.s(6)), mul.s(7))"),
    Case("task-link-chain", "linked(add.s(1, 2), mul.s(3) | mul.s(4))"),
    Case("task-link-chord", "linked(add.s(1, 2), chord([mul.s(3), mul.si(4, 5)], tsum.s()))"),
    Case("task-link-of-link", "linked(add.s(1, 2), linked(mul.s(3), mul.s(4)))"),
    Case("task-link-with-options", "linked(add.s(1, 2), mul.s(3).set(queue='slow', countdown=2, task_id='cb'))"),
    Case("task-link-error", "failing(add.s(1, 2), err.s())", reads=True),
    Case("task-link-errors", "failing(linked(add.s(1, 2), mul.s(3)), err.s(), err.si('x'))"),
    Case("task-stamped", "stamped(add.s(1, 2), k='v', n=1)"),
    Case("task-stamped-twice", "stamped(stamped(add.s(1, 2), k='v', n=1), k='w', m=[1])"),
    Case("task-stamps-appended", "stamped(stamped(add.s(1, 2), k='v', n=[1]), k='w', n=[2], append_stamps=True)"),
    Case("task-stamped-with-links", "stamped(failing(linked(add.s(1, 2), mul.s(3)), err.s()), k='v')"),
    Case("task-visited", "visited(add.s(1, 2))"),
    Case("task-visited-with-links", "visited(failing(linked(add.s(1, 2), mul.s(3), mul.s(4)), err.s(), err.s('x')), k='v')"),
    Case("task-visited-twice", "visited(visited(add.s(1, 2), k='v'), append_stamps=True)"),
    Case("task-stamps-last", "stamped(add.s(1, 2), k='v')", call="(), {}, k='w', stamped_headers=['k']"),
    Case("task-in-chord-options", "add.s(1, 2).set(chord=tsum.s(), group_id='g', group_index=3)"),
    Case("task-chain-option", "add.s(1, 2).set(chain=[plain(mul.s(4)), plain(mul.s(3))])"),

    # Maps and chunks.
    Case("map", "add.map([1, 2, 3])"),
    Case("map-in-chain", "add.s(1, 2) | mul.map([1, 2])"),
    Case("starmap", "add.starmap([(1, 2), (3, 4)])", reads=True),
    Case("starmap-options", "add.starmap([(1, 2)]).set(queue='slow', priority=2)"),
    Case("starmap-in-group", "group(add.starmap([(1, 2)]), add.map([3]))"),
    Case("chunks", "add.chunks([(1, 2), (3, 4), (5, 6)], 2)", frozen=False),
    Case("chunks-in-chain", "add.s(1, 2) | mul.chunks([(1, 2), (3, 4)], 1)", reads=True),
    Case("chunks-group", "add.chunks([(1, 2), (3, 4), (5, 6)], 2).group()"),
    Case("chunks-group-then-task", "add.chunks([(1, 2), (3, 4), (5, 6)], 2).group() | tsum.s()"),
    Case("map-chord", "chord([add.map([1, 2]), mul.s(3, 4)], tsum.s())"),

    # Chains.
    Case("chain-of-two", "add.s(1, 2) | mul.s(3)", reads=True),
    Case("chain-of-three", "add.s(1, 2) | mul.s(3) | mul.s(4)", reads=True),
    Case("chain-constructor", "chain(add.s(1, 2), mul.s(3), mul.s(4))"),
    Case("chain-of-one", "chain(add.s(1, 2))"),
    Case("chain-list-of-one", "chain([add.s(1, 2)])"),
    Case("chain-immutables", "add.s(1, 2) | add.si(3, 4) | mul.s(5)"),
    Case("chain-called-with-arguments", "add.s(2) | mul.s(3)", call="(1,)"),
    Case("chain-called-with-keywords", "echo.s(2) | mul.s(3)", call="(1,), {'k': 4}"),
    Case("chain-of-chains", "chain(add.s(1, 2) | mul.s(3), mul.s(4) | mul.s(5))"),
    Case("chain-then-chain", "(add.s(1, 2) | mul.s(3)) | (mul.s(4) | mul.s(5))"),
    Case("task-then-chain", "add.s(1, 2) | (mul.s(3) | mul.s(4))"),
    Case("chain-options", "(add.s(1, 2) | mul.s(3)).set(countdown=5, queue='slow')"),
    Case("chain-id", "(add.s(1, 2) | mul.s(3)).set(task_id='last-id')"),
    Case("chain-link", "linked(add.s(1, 2) | mul.s(3), mul.s(4))"),
    Case("chain-link-error", "failing(add.s(1, 2) | mul.s(3) | mul.s(4), err.s())", reads=True),
    Case("chain-links-then-task", "failing(linked(add.s(1, 2) | mul.s(3), mul.s(9)), err.s()) | mul.s(4)"),
    Case("chain-of-linked-tasks", "linked(add.s(1, 2), mul.s(8)) | failing(mul.s(3), err.s())"),
    Case("chain-step-options", "add.s(1, 2) | mul.s(3).set(queue='slow', countdown=7, priority=1) | mul.s(4)"),
    Case("chain-visited", "visited(add.s(1, 2) | mul.s(3), k='v')"),
    Case("chain-visited-with-links", "visited(failing(linked(add.s(1, 2) | mul.s(3), mul.s(4)), err.s()), append_stamps=True)"),
    Case("chain-stamped", "stamped(add.s(1, 2) | mul.s(3), k='v')"),
    Case("chain-in-chain-with-options", "chain(add.s(1, 2), (mul.s(3) | mul.s(4)).set(queue='slow'), mul.s(5))"),
    Case("chain-priority-inherited", "add.s(1, 2).set(priority=4) | mul.s(3) | mul.s(4).set(priority=1)",
         config={"task_inherit_parent_priority": True}),
    Case("chain-group-priority-inherited", "linked(add.s(1, 2).set(priority=4), mul.s(9)) | group(mul.s(3), mul.s(4)) | tsum.s()",
         config={"task_inherit_parent_priority": True}),
    Case("chain-of-ten", "chain(add.s(1, 1), *[add.s(n) for n in range(9)])"),

    # Groups.
    Case("group", "group(add.s(1, 2), mul.s(3, 4))", reads=True),
    Case("group-list", "group([add.s(1, 2), mul.s(3, 4)])"),
    Case("group-of-one", "group(add.s(1, 2))"),
    Case("group-empty", "group()"),
    Case("group-called-with-arguments", "group(add.s(2), mul.si(3, 4), add.s(5) | mul.s(6))", call="(1,)"),
    Case("group-in-group", "group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3)), add.s(4, 4))", reads=True),
    Case("group-deep", "group(group(group(add.s(1, 1), add.s(2, 2)), add.s(3, 3)), add.s(4, 4))"),
    Case("group-of-chains", "group(add.s(1, 2) | mul.s(3), add.s(4, 5) | mul.s(6))", reads=True),
    Case("group-of-empty-chain", "group(add.s(1, 2), chain())"),
    Case("group-with-chain-that-ends-in-group", "group(add.s(1, 2) | group(mul.s(3), mul.s(4)))"),
    Case("group-of-chains-that-end-in-groups",
         "group(add.s(1, 2) | group(mul.s(3), mul.s(4)), add.s(5, 6) | group(mul.s(7), mul.s(8)))"),
    Case("group-of-chords", "group(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), mul.s(3, 4))"),
    Case("group-options", "group(add.s(1, 2), mul.s(3, 4)).set(countdown=5, queue='slow')"),
    Case("group-id", "group(add.s(1, 2), mul.s(3, 4)).set(task_id='my-group')"),
    Case("group-call-options", "group(add.s(1, 2), mul.s(3, 4).set(priority=1))", call="(), {}, priority=5, countdown=2"),
    Case("group-link", "linked(group(add.s(1, 2), mul.s(3, 4)), mul.s(5))"),
    Case("group-link-error", "failing(group(add.s(1, 2), group(mul.s(3, 4)), add.s(5, 6) | mul.s(7)), err.s())",
         reads=True),
    Case("group-visited", "visited(group(add.s(1, 2), add.s(3, 4) | mul.s(5)))"),
    Case("group-stamped", "stamped(group(add.s(1, 2), add.s(3, 4) | mul.s(5)), k='v')"),
    Case("group-member-options", "group(add.s(1, 2).set(queue='slow'), mul.s(3, 4).set(task_id='mine', countdown=1))"),
    Case("group-immutable", "immutable(group(add.s(1, 2), mul.s(3, 4)))", call="(9,)"),

    # What the rules make of sequences.
    Case("task-then-group", "add.s(1, 2) | group(mul.s(3), mul.s(4))", reads=True),
    Case("task-then-group-of-one", "add.s(1, 2) | group(mul.s(3))"),
    Case("task-then-empty-group", "add.s(1, 2) | group()"),
    Case("task-then-group-of-chain", "add.s(1, 2) | group([mul.s(3) | mul.s(4)])"),
    Case("chain-then-group", "add.s(1, 2) | mul.s(3) | group(mul.s(4), mul.s(5))"),
    Case("chain-then-empty-group", "add.s(1, 2) | mul.s(3) | group() | mul.s(4)"),
    Case("chain-then-group-of-one", "add.s(1, 2) | mul.s(3) | group(mul.s(4)) | mul.s(5)"),
    Case("group-then-task", "group(add.s(1, 2), mul.s(3, 4)) | tsum.s()", reads=True),
    Case("group-of-one-then-task", "group(add.s(1, 2)) | tsum.s()"),
    Case("group-then-empty-group", "group(add.s(1, 2), mul.s(3, 4)) | group()"),
    Case("group-then-group", "group(add.s(1, 2), mul.s(3, 4)) | group(tsum.s(), echo.s())"),
    Case("group-then-chain", "group(add.s(1, 2), mul.s(3, 4)) | (tsum.s() | mul.s(5))"),
    Case("group-with-options-then-task", "group(add.s(1, 2), mul.s(3, 4)).set(queue='slow') | tsum.s()"),
    Case("task-group-task", "add.s(1, 2) | group(mul.s(3), mul.s(4)) | tsum.s()", reads=True),
    Case("task-group-task-task", "add.s(1, 2) | group(mul.s(3), mul.s(4)) | tsum.s() | mul.s(5)", reads=True),
    Case("task-group-task-group-task",
         "add.s(1, 2) | group(mul.s(3), mul.s(4)) | tsum.s() | group(mul.s(5), mul.s(6)) | tsum.s()", reads=True),
    Case("task-group-group-task", "add.s(1, 2) | group(mul.s(3), mul.s(4)) | group(tsum.s(), echo.s()) | echo.s()"),
    Case("chain-constructor-with-groups",
         "chain(add.s(1, 2), group(mul.s(3), mul.s(4)), tsum.s(), group(mul.s(5), mul.s(6)), tsum.s(), mul.s(7))"),
    Case("chain-that-begins-with-group", "chain(group(add.s(1, 2), mul.s(3, 4)), tsum.s(), mul.s(5))"),
    Case("chain-that-begins-with-groups", "chain(group(add.s(1, 2), mul.s(3, 4)), group(tsum.s(), echo.s()), echo.s())"),
    Case("chain-with-empty-groups", "chain(group(), add.s(1, 2), group(), mul.s(3), group())"),
    Case("chain-of-empty-group", "chain(group())"),
    Case("chain-with-nested-groups", "add.s(1, 2) | group(mul.s(3), group(mul.s(4), mul.s(5))) | tsum.s()"),
    Case("chain-with-group-of-chains", "add.s(1, 2) | group(mul.s(3) | mul.s(4), mul.s(5)) | tsum.s() | mul.s(6)"),
    Case("chain-linked-then-group-then-task", "linked(add.s(1, 2) | mul.s(8), mul.s(9)) | group(mul.s(3), mul.s(4)) | tsum.s()"),
    Case("chain-link-error-with-chord",
         "failing(add.s(1, 2) | group(mul.s(3), mul.s(4)) | tsum.s() | mul.s(5), err.s())", reads=True),
    Case("chain-link-with-chord", "linked(add.s(1, 2) | group(mul.s(3), mul.s(4)) | tsum.s(), mul.s(9))"),
    Case("chain-link-with-group", "linked(add.s(1, 2) | group(mul.s(3), mul.s(4)), mul.s(9))"),
    Case("chain-link-error-with-group", "failing(add.s(1, 2) | group(mul.s(3), mul.s(4)), err.s())"),

    # Chords.
    Case("chord", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", reads=True),
    Case("chord-of-group", "chord(group(add.s(1, 1), add.s(2, 2)), tsum.s())"),
    Case("chord-of-one", "chord([add.s(1, 1)], tsum.s())"),
    Case("chord-empty", "chord([], tsum.s())"),
    Case("chord-empty-in-chain", "add.s(1, 2) | chord([], tsum.s())"),
    Case("chord-immutable-body", "chord([add.s(1, 1), add.s(2, 2)], add.si(3, 4))"),
    Case("chord-called-with-arguments", "chord([add.s(1), add.si(2, 2), add.s(3) | mul.s(4)], tsum.s())", call="(9,)"),
    Case("chord-called-with-keywords", "chord([echo.s(1), echo.si(2)], tsum.s())", call="(), {'k': 1}"),
    Case("chord-options", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()).set(queue='slow', priority=3)"),
    Case("chord-countdown", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", call="(), {}, countdown=5"),
    Case("chord-countdown-of-its-own", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()).set(countdown=5)"),
    Case("chord-id", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()).set(task_id='my-id')"),
    Case("chord-body-id", "chord([add.s(1, 1), add.s(2, 2)], tsum.s().set(task_id='body-id', queue='slow'))"),
    Case("chord-call-options", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())",
         call="(), {}, task_id='body-id', priority=5, interval=2, max_retries=7"),
    Case("chord-call-link", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", call="(), {}, link=mul.s(3), link_error=err.s()"),
    Case("chord-call-link-group-body", "chord([add.s(1, 1), add.s(2, 2)], group(tsum.s(), failing(echo.s(), err.si(1))))",
         call="(), {}, link=mul.s(3), link_error=[err.s(), err.si(2)]"),
    Case("chord-link", "linked(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), mul.s(3))"),
    Case("chord-link-error", "failing(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), err.s())", reads=True),
    Case("chord-link-error-on-header", "failing(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), err.s())",
         config={"task_allow_error_cb_on_chord_header": True}),
    Case("chord-link-error-nested",
         "failing(chord([chord([add.s(1, 1), add.s(2, 2)], tsum.s()), add.s(3, 3)], tsum.s()), err.s())"),
    Case("chord-visited", "visited(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), k='v')"),
    Case("chord-visited-with-a-chain", "visited(chord(group(add.s(1, 1), add.s(2, 2) | mul.s(3)), tsum.s() | mul.s(2)))"),
    Case("chord-visited-in-a-chain",
         "visited(add.s(1, 1) | group(add.s(2), add.s(3)) | failing(linked(tsum.s(), echo.s()), err.s()))"),
    Case("chord-stamped", "stamped(chord([add.s(1, 1), add.s(2, 2)], tsum.s()), k='v')"),
    Case("chord-chain-body", "chord([add.s(1, 1), add.s(2, 2)], tsum.s() | mul.s(3))", reads=True),
    Case("chord-chain-body-with-options",
         "chord([add.s(1, 1), add.s(2, 2)], (tsum.s() | mul.s(3)).set(queue='slow', countdown=3))"),
    Case("chord-group-body", "chord([add.s(1, 1), add.s(2, 2)], group(tsum.s(), echo.s()))", reads=True),
    Case("chord-chord-body", "chord([add.s(1, 1), add.s(2, 2)], chord([echo.s(1), echo.s(2)], tsum.s()))"),
    Case("chord-body-chain-with-group", "chord([add.s(1, 1), add.s(2, 2)], tsum.s() | group(mul.s(3), mul.s(4)))", reads=True),
    Case("chord-body-group-then-task", "chord([add.s(1, 1), add.s(2, 2)], group(tsum.s(), echo.s()) | echo.s())"),
    Case("chord-of-chains", "chord([add.s(1, 1) | mul.s(2), add.s(2, 2)], tsum.s())", reads=True),
    Case("chord-of-chains-of-three", "chord([add.s(1, 1) | mul.s(2) | mul.s(3), add.s(2, 2) | mul.s(4)], tsum.s() | mul.s(5))"),
    Case("chord-of-groups", "chord([group(add.s(1, 1), add.s(2, 2)), add.s(3, 3)], tsum.s())", reads=True),
    Case("chord-of-chain-that-ends-in-group",
         "chord([add.s(1, 1) | group(mul.s(2), mul.s(3)), add.s(2, 2)], echo.s())", reads=True),
    Case("chord-of-chain-that-ends-in-group-with-chord",
         "chord([add.s(1, 1) | group(mul.s(2), chord([mul.s(3)], tsum.s())), add.s(2, 2)], echo.s())"),
    Case("chord-of-chain-with-chord",
         "chord([add.s(1, 1) | group(mul.s(2), mul.s(3)) | tsum.s(), add.s(2, 2)], tsum.s())"),
    Case("chord-of-chords", "chord([chord([add.s(1, 1), add.s(2, 2)], tsum.s()), add.s(3, 3)], tsum.s())", reads=True),
    Case("chord-of-chords-with-group-bodies",
         "chord([chord([add.s(1, 1), add.s(2, 2)], group(tsum.s(), echo.s())), add.s(3, 3)], echo.s())"),
    Case("chord-of-chords-of-chords",
         "chord([chord([chord([add.s(1, 1)], tsum.s()), add.s(2, 2)], tsum.s()), add.s(3, 3)], tsum.s())"),
    Case("chord-then-task", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | mul.s(3)", reads=True),
    Case("chord-then-chain", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | (mul.s(3) | mul.s(4))"),
    Case("chord-then-group", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | group(mul.s(3), mul.s(4))"),
    Case("chord-then-group-of-one", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | group(mul.s(3))"),
    Case("chord-then-group-then-task", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | group(mul.s(3), mul.s(4)) | tsum.s()"),
    Case("chord-then-chord", "chord([add.s(1, 1), add.s(2, 2)], tsum.s()) | chord([mul.s(3), mul.s(4)], tsum.s())"),
    Case("task-then-chord", "add.s(1, 2) | chord([mul.s(3), mul.s(4)], tsum.s())"),
    Case("task-then-chord-then-task", "add.s(1, 2) | chord([mul.s(3), mul.s(4)], tsum.s()) | mul.s(5)"),
    Case("chain-of-chords",
         "chain(chord([add.s(1, 1)], tsum.s()), chord([mul.s(2), mul.s(3)], tsum.s()), chord([mul.s(4), mul.s(5)], tsum.s()))"),
    Case("group-of-chain-with-chord", "group(add.s(1, 1) | group(mul.s(2), mul.s(3)) | tsum.s(), add.s(4, 4))"),
    Case("chord-of-group-of-chains-then-chain",
         "group(add.s(1, 1) | mul.s(2), group(add.s(3, 3), add.s(4, 4))) | tsum.s() | mul.s(5) | group(mul.s(6), mul.s(7))"),
    Case("chord-in-chain-with-links",
         "linked(add.s(1, 1), mul.s(8)) | linked(chord([mul.s(2), mul.s(3)], tsum.s()), mul.s(9)) | failing(mul.s(4), err.s())"),
    Case("chord-members-with-options",
         "chord([add.s(1, 1).set(queue='slow'), linked(add.s(2, 2), mul.s(9)), failing(add.s(3, 3), err.s())], tsum.s())"),
    Case("deep", "chain(add.s(1, 1), group(chain(mul.s(2), group(mul.s(3), mul.s(4) | mul.s(5)), tsum.s()), "
         "chord([mul.s(6), group(mul.s(7), mul.s(8))], tsum.s() | mul.s(9))), echo.s(), group(mul.s(10), mul.s(11)))", reads=True),

    # Replacing and extending from within.
    Case("replace-with-task", "add.s(1, 2)", replace={0: "mul.s(3, 4)"}),
    Case("replace-with-task-in-chain", "add.s(1, 2) | mul.s(3) | mul.s(4)", replace={0: "mul.s(5, 6)", 2: "echo.s(7)"}),
    Case("replace-with-chain", "linked(failing(add.s(1, 2), err.s()), mul.s(9)) | mul.s(3)", replace={0: "mul.s(5, 6) | mul.s(7)"}),
    Case("replace-with-group", "add.s(1, 2) | mul.s(3)", replace={0: "group(mul.s(5, 6), mul.s(7, 8))"}),
    Case("replace-with-chord", "add.s(1, 2) | mul.s(3)", replace={0: "chord([mul.s(5, 6), mul.s(7, 8)], tsum.s())"}),
    Case("replace-with-chain-that-ends-in-group", "add.s(1, 2)", replace={0: "echo.s(1) | group(mul.s(5), mul.s(7))"}),
    Case("replace-in-chord", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", replace={0: "mul.s(3, 4)"}),
    Case("replace-in-chord-with-chain", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", replace={1: "mul.s(3, 4) | mul.s(5)"}),
    Case("replace-in-chord-with-group", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())",
         replace={1: "group(mul.s(3, 4), mul.s(5, 6))"}),
    Case("replace-in-chord-with-chord", "chord([add.s(1, 1), add.s(2, 2) | echo.s()], tsum.s())",
         replace={1: "chord([mul.s(3, 4), mul.s(5, 6)], tsum.s())"}),
    Case("replace-body", "chord([add.s(1, 1), add.s(2, 2)], tsum.s() | mul.s(3))", replace={2: "mul.s(3, 4)"}),
    Case("extend-chord", "chord([add.s(1, 1), add.s(2, 2)], tsum.s())", extend={0: "add.s(5, 6)"}),
]

# Canvases that Python itself does not send.
REFUSED = [
    Case("chain-empty", "chain()", frozen=False),
    Case("group-called-with-link", "group(add.s(1, 2), mul.s(3, 4))", call="(), {}, link=mul.s(5)", frozen=False),
    Case("group-with-link-option", "group(add.s(1, 2), mul.s(3, 4)).set(link=[mul.s(5)])", frozen=False),
    Case("chord-without-body", "chord([add.s(1, 1)])", frozen=False),
    Case("chain-ids-twice",
         "chord([add.s(1, 1)], _chain(tsum.s().set(task_id='x'), mul.s(2).set(task_id='x')))", frozen=False),
    Case("replace-with-part-of-a-chord", "add.s(1, 2)", replace={0: "mul.s(1, 2).set(chord=tsum.s())"}),
]
