"""How results are counted."""
import json

import pytest

from checks.results import Counts, read_events, read_junit
from fleet.junit import Report
from faults.connections import excuse
from faults.starts import Start

TEST = {"kind": "test", "payload": {"kind": "function", "id": "M.Suite/a()/A.swift:1:2", "name": "a()", "displayName": "It holds"}}
IDENTIFIER = TEST["payload"]["id"]


def event(kind, identifier=IDENTIFIER, **more):
    return {"kind": "event", "payload": {"kind": kind, "testID": identifier, "messages": [], **more}}


def counts_of(tmp_path, *records, counts=None):
    path = tmp_path / "events"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    counts = counts or Counts()
    read_events("part", path, counts)
    return counts


def test_a_test_that_ends_without_an_issue_has_passed(tmp_path):
    counts = counts_of(tmp_path, TEST, event("testStarted"), event("testEnded"), event("runEnded"))
    assert list(counts.outcomes.values()) == ["passed"]
    assert list(counts.names.values()) == ["swift: M: It holds"]


def test_a_test_with_an_issue_has_failed_unless_the_issue_is_known(tmp_path):
    for issue, outcome in [({"isKnown": False}, "failed"), ({"isKnown": True}, "passed"),
                           ({"isKnown": False, "isFailure": False}, "passed")]:
        counts = counts_of(tmp_path, TEST, event("testStarted"), event("issueRecorded", issue=issue), event("testEnded"),
                           event("runEnded"))
        assert list(counts.outcomes.values()) == [outcome]


def test_a_crash_fails_the_test_that_ran_and_the_part(tmp_path):
    counts = counts_of(tmp_path, TEST, event("testStarted"))
    assert counts.count("failed") == 2 and counts.count("passed") == 0


def test_a_run_without_tests_or_without_results_is_a_failure(tmp_path):
    assert counts_of(tmp_path, event("runEnded")).count("failed") == 1
    for read in (read_events, read_junit):
        counts = Counts()
        read("part", tmp_path / "nothing", counts)
        assert list(counts.outcomes.values()) == ["failed"]


def test_what_is_skipped_in_one_part_may_pass_in_another(tmp_path):
    skip = event("testSkipped")
    skip["payload"]["messages"] = [{"text": 'Test "It holds" skipped: "needs a server"'}]
    counts = counts_of(tmp_path, TEST, skip, event("runEnded"))
    assert list(counts.reasons.values()) == ["needs a server"] and counts.count("skipped") == 1
    counts_of(tmp_path, TEST, event("testStarted"), event("testEnded"), event("runEnded"), counts=counts)
    assert (counts.count("skipped"), counts.count("passed")) == (0, 1)


def test_reports_of_programs_are_read_and_joined(tmp_path):
    first, second = (Report("chaos", tmp_path / name) for name in ("first", "second"))
    first.case("holds")
    first.case("does not", "3 problems")
    assert first.write() == 1
    assert second.take(tmp_path / "first") and not second.take(tmp_path / "nothing")
    assert second.write() == 1
    counts = Counts()
    read_junit("chaos", tmp_path / "second", counts)
    assert counts.outcomes == {"chaos: chaos: holds": "passed", "chaos: chaos: does not": "failed"}


@pytest.mark.parametrize(("kind", "acks", "start", "ends", "kills", "excused"), [
    ("redis", "late", (10, 20), [15], [15], False),
    ("rabbitmq", "late", (10, 20), [15], [], True),
    # It was held when the connection ended, and started here all the same.
    ("rabbitmq", "late", (15.4, 20), [15], [], False),
    ("rabbitmq", "late", (10, 14.4), [15], [], False),
    ("rabbitmq", "early", (10, 20), [15], [], False),
    ("rabbitmq", "early", (15.02, 20), [15], [], True),
    ("rabbitmq", "early", (10, 12), [15], [15], True),
    ("rabbitmq", "early", (15.4, 20), [15], [15], False),
])
def test_a_second_start_needs_a_reason(kind, acks, start, ends, kills, excused):
    assert (excuse(kind, acks, Start("swift-1", *start), ends, kills) is not None) == excused
