"""What the programs of chaos let pass: the rules hold for sound workers, and not for such as lose tasks or run them twice."""
import collections
import math
import types

import pytest

from faults.connections import excuse, may_start_again
from faults.kills import fell_into, is_excused
from faults.lag import Lag
from faults.starts import Start, StartsOf


@pytest.mark.parametrize(("kind", "acks", "start", "ends", "kills", "excused"), [
    ("redis", "late", (10, 20), [15], [15], False),
    ("rabbitmq", "late", (10, 20), [15], [], True),
    # It was held when the connection ended, and started here all the same.
    ("rabbitmq", "late", (15.4, 20), [15], [], False),
    ("rabbitmq", "late", (10, 14.4), [15], [], False),
    ("rabbitmq", "early", (10, 20), [15], [], False),
    ("rabbitmq", "early", (15.02, 20), [15], [], True),
    # Its acknowledgement was written, and not heard.
    ("rabbitmq", "early", (14.6, 20), [15], [], True),
    ("rabbitmq", "early", (14.4, 20), [15], [], False),
    ("rabbitmq", "early", (10, 12), [15], [15], True),
    ("rabbitmq", "early", (15.4, 20), [15], [15], False),
])
def test_a_second_start_needs_a_reason(kind, acks, start, ends, kills, excused):
    assert (excuse(kind, acks, Start("swift-1", *start), ends, kills) is not None) == excused


@pytest.mark.parametrize(("begins", "has_reason", "may"), [
    ((7, 9), "yes no", True),
    ((7, 9), "no yes", False),
    ((7, 9), "no no", False),
    # Both held the task when it was due, and the one whose connection was lost had not heard of it.
    ((7.714, 7.715), "no yes", True),
    ((7.714, 7.715), "yes no", True),
    ((7.714, 7.714), "no no", False),
    ((7, 8, 9), "yes yes no", True),
    ((7, 8, 9), "yes yes yes", True),
    ((7, 8, 9), "yes no no", False),
    ((7, 8, 9), "yes no yes", False),
    ((7, 8, 8.001), "yes no yes", True),
])
def test_all_starts_but_the_last_need_a_reason(begins, has_reason, may):
    starts = [Start(f"swift-{number % 2}", begin, begin + 0.1) for number, begin in enumerate(begins)]
    reasons = ["ran when its connection ended" if each == "yes" else None for each in has_reason.split()]
    assert may_start_again(starts, reasons) == may


@pytest.mark.parametrize(("starts", "kills", "excused"), [
    ([], {"swift-1": [5]}, False),
    ([("swift-1", 4.9, math.inf)], {"swift-1": [5]}, True),
    ([("swift-1", 4.9, 5.3)], {"swift-1": [5]}, True),
    # It had ended, and its result may not have been stored.
    ([("swift-1", 4.1, 4.4)], {"swift-1": [5]}, True),
    # It had ended long before.
    ([("swift-1", 1.1, 1.4)], {"swift-1": [5]}, False),
    ([("swift-1", 5.1, math.inf)], {"swift-1": [5]}, False),
    ([("swift-1", 4.9, math.inf)], {"swift-2": [5], "python": [5]}, False),
    ([("python", 4.9, math.inf)], {"swift-1": [3], "python": [5]}, True),
    ([("python", 5.1, math.inf)], {"swift-1": [6], "python": [5]}, False),
    ([("swift-1", 1, 1.1), ("swift-2", 4.9, math.inf)], {"swift-2": [2, 5]}, True),
    ([("swift-1", 1, 1.1), ("swift-2", 4.9, 5)], {"swift-2": [2]}, False),
])
def test_a_task_that_is_gone_must_have_been_started_by_a_worker_that_was_killed_then(starts, kills, excused):
    kills = collections.defaultdict(list, kills)
    assert is_excused([Start(*each) for each in starts], kills) == excused


@pytest.mark.parametrize(("gaps", "excused"), [
    ([], False),
    # While the machine stood still, nobody could hear of the end.
    ([(14.1, 14.3)], True),
    ([(13, 14.2)], True),
    ([(14.1, 14.15)], False),
    ([(12, 14)], False),
    ([(14.61, 15.6)], False),
    ([(11, 12), (14.0, 14.06), (14.2, 14.26), (14.7, 15)], True),
    ([(11, 12), (14.0, 14.04), (14.2, 14.24), (14.7, 15)], False),
])
def test_what_was_not_heard_has_as_much_longer_as_the_machine_stood_still(gaps, excused):
    lag = Lag()
    for gap in gaps:
        lag.note(*gap)
    start = Start("swift-1", 13, 14)
    assert (fell_into(start, [14.6], 0.5, lag.between) is not None) == excused
    assert (excuse("rabbitmq", "late", start, [14.6], [], lag.between) is not None) == excused


@pytest.mark.parametrize(("texts", "number", "has_ended"), [
    (["received"], 0, None),
    (["received", "started"], 1, False),
    (["started", "succeeded in 1.2 ms: 3"], 1, True),
    (["started", "raised unexpected in 1.2 ms: ValueError"], 1, True),
    (["started", "retry: Retry in 0 s"], 1, True),
    (["started", "started"], 2, False),
    (["started", "did not start after all: the broker gives its message to others"], 0, None),
    (["started", "succeeded in 1.2 ms: 3", "started", "did not start after all: the broker gives its message to others"], 1, True),
])
def test_starts_and_ends_are_read_from_a_workers_log(tmp_path, texts, number, has_ended):
    log = tmp_path / "log"
    log.write_text("".join(f"[2026-11-27 06:33:50,{place:03}: DEBUG] Task swift.add[chaos-1] {text}\n"
                           for place, text in enumerate(texts)))
    with StartsOf(types.SimpleNamespace(name="swift-1", log_path=str(log))) as starts:
        pass
    found = starts.starts("chaos-1")
    assert len(found) == number and starts.starts("chaos-2") == []
    assert not found or (found[-1].end < math.inf) == has_ended
