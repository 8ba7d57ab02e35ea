"""How results are counted."""
import json
import os
import re
import time

import pytest

from checks import run
from checks.results import Counts, read_events, read_junit
from fleet.junit import Report

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
    assert list(counts.names.values()) == ["part: M.Suite: It holds"]


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
    assert counts.skips() == [("part", "needs a server", "part: M.Suite: It holds")] and counts.count("skipped") == 1
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


def issue(text, line=7):
    messages = [{"symbol": "fail", "text": text}, {"symbol": "details", "text": "more of it"}]
    place = {"fileID": "M/A.swift", "line": line, "column": 3}
    return event("issueRecorded", issue={"isKnown": False, "sourceLocation": place}, messages=messages)


def test_the_end_names_each_failure_with_its_part_suite_and_first_messages_after_each_reason_to_skip(tmp_path):
    counts = counts_of(
        tmp_path, TEST, event("testStarted"), issue("first"), *[issue("next", line) for line in range(8, 12)],
        event("testEnded"), event("runEnded"))
    for number in range(140):
        counts.skipped("asan", f"s{number}", "needs\n a server")
    counts.skipped("python", "other", "one broker")
    assert counts.summary() == [
        "skipped: asan: needs a server (140)", "skipped: python: one broker (1)",
        "failed: part: M.Suite: It holds", "    A.swift:7: first", "    more of it", "    A.swift:8: next", "    more of it",
        "    A.swift:9: next", "    more of it", "    and 4 more lines"]


def test_a_failure_of_pytest_says_where_and_what(tmp_path):
    path = tmp_path / "junit"
    text = "live/test_a.py:12: in test_a\n    helper()\nfleet/b.py:34: in helper\n    assert 1 == 2\nE   assert 1 == 2"
    path.write_text(f'<testsuites><testcase classname="live.test_a" name="test_a"><failure message="assert 1 == {"2" * 900}">'
                    f'{text}</failure></testcase></testsuites>')
    counts = Counts()
    read_junit("python", path, counts)
    first, second = counts.summary()
    assert first == "failed: python: live.test_a: test_a"
    assert second.startswith("    fleet/b.py:34: assert 1 == 2222") and len(second) < 420


def runner_of(tmp_path, monkeypatch, lines, complaint, *records, **part):
    monkeypatch.setattr(run, "logs", str(tmp_path))
    runner = run.Runner()
    part = run.Part("tsan", [], minutes=1, read=read_events, **part)
    if records:
        with open(part.results_path, "w") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
    runner.judge(part, lines, complaint, 1)
    return runner.counts.summary()


def test_a_crash_says_its_last_words_with_the_test_that_ran(tmp_path, monkeypatch):
    lines = ["Fatal error: Index out of range", "error: Exited with unexpected signal code 4"]
    summary = runner_of(tmp_path, monkeypatch, ["◇ Test run started.", *lines], "status 1", TEST, event("testStarted"))
    words = ["    status 1", *["    " + line for line in lines]]
    assert summary == ["failed: tsan: M.Suite: It holds (did not end)", *words, "failed: tsan: the run did not end", *words]


def later_part(script):
    return run.Part("later", [["false"]], minutes=1, build=["sh", "-c", script], read=read_events)


def test_a_build_is_done_beside_the_parts_before_and_its_errors_are_those_of_its_own_part(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "logs", str(tmp_path))
    monkeypatch.setattr(run, "IDLE", [])
    here, there = tmp_path / "here", tmp_path / "there"
    script = f"touch {here}; until test -e {there}; do sleep 0.01; done; echo 'A.swift:1:2: error: no'; exit 1"
    later = later_part(script)
    with run.Runner() as runner:
        runner.build_ahead(later)
        runner.run(run.Part("before", [["sh", "-c", f"until test -e {here}; do sleep 0.01; done; touch {there}"]], minutes=1))
        runner.builds["later"].result()
        runner.run(later)
    assert runner.counts.summary() == ["failed: later", "    status 1", "    A.swift:1:2: error: no"]
    assert "before: ok" in capsys.readouterr().out


def test_what_is_built_ahead_leaves_the_processors_to_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "logs", str(tmp_path))
    # The policy is the 41st field.
    later = later_part("cat /proc/self/autogroup; cut -d' ' -f41 /proc/self/stat")
    with run.Runner() as runner:
        runner.build_ahead(later)
        lines, complaint = runner.builds["later"].result()
    assert complaint is None and lines[-1] == str(os.SCHED_IDLE)
    assert not os.path.exists("/proc/self/autogroup") or lines[0].endswith(" nice 19")


def test_a_build_that_has_not_got_ahead_is_done_when_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "logs", str(tmp_path))
    monkeypatch.setattr(run, "IDLE", [])
    later = later_part(f"mkdir {tmp_path / 'first'} && sleep 1000; echo built")
    with run.Runner() as runner:
        runner.build_ahead(later)
        while not (tmp_path / "first").exists():
            time.sleep(0.01)
        assert runner.build(later)[0][-1] == "built"


def test_a_build_beside_an_interrupted_part_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "logs", str(tmp_path))
    monkeypatch.setattr(run, "IDLE", [])
    with pytest.raises(KeyboardInterrupt):
        with run.Runner() as runner:
            runner.build_ahead(later_part("exec sleep 1000"))
            while not runner.processes:
                time.sleep(0.01)
            raise KeyboardInterrupt
    assert runner.builds["later"].result(10) == ([], "status -15")


def test_a_build_that_fails_says_its_errors(tmp_path, monkeypatch):
    lines = ["[1/9] Compiling A", "A.swift:1:2: error: no such thing", "[2/9] Compiling B"]
    assert runner_of(tmp_path, monkeypatch, lines, "status 1") == ["failed: tsan", "    status 1", "    " + lines[1]]


def test_a_warning_of_a_sanitizer_and_a_budget_are_failures_beside_those_of_tests(tmp_path, monkeypatch):
    lines = ["WARNING: ThreadSanitizer: data race (pid=1)", "SUMMARY: ThreadSanitizer: data race A.swift:1"]
    records = [TEST, event("testStarted"), issue("first"), event("testEnded"), event("runEnded")]
    summary = runner_of(tmp_path, monkeypatch, lines, "status 1", *records, forbidden=re.compile("WARNING: Thread"), budget=0.5)
    assert [line for line in summary if not line.startswith("  ")] == [
        "failed: tsan: M.Suite: It holds", "failed: tsan: what it printed", "failed: tsan: its time"]
    assert "    1 times: " + lines[0] in summary and "    took 1 s of 0 s" in summary
