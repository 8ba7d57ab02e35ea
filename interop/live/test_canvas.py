"""What follows a Swift task: callbacks, error callbacks, chains, groups and chords, in fleets of both languages."""
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from celery import chain, chord, group
from celery.canvas import xmap, xstarmap
from celery.exceptions import ChordError
from kombu import Exchange

from fleet import worker_log
from live.bed import equal, eventually, matches, only, raises


def swift(bed, task, *args, **options):
    return bed.app.signature(f"swift.{task}", args).set(queue="swift", **options)


def follow_up(bed, task, *args):
    """A signature, and the result that its task will have."""
    signature = swift(bed, task, *args, task_id=str(uuid.uuid4()))
    return signature, signature.freeze(signature.options["task_id"])


def test_a_callback_gets_the_result_of_a_swift_task(bed):
    signature, follower = follow_up(bed, "add", 10)
    result = swift(bed, "add", 1, 2).apply_async(link=signature)
    equal(result.get(timeout=10), 3)
    equal(follower.get(timeout=10), 13)


def test_all_callbacks_are_called_and_none_after_a_failure(bed):
    first, first_result = follow_up(bed, "add", 10)
    second, second_result = follow_up(bed, "mul", 10)
    swift(bed, "add", 1, 2).apply_async(link=[first, second])
    equal((first_result.get(timeout=10), second_result.get(timeout=10)), (13, 30))
    never, never_result = follow_up(bed, "echo")
    failed = swift(bed, "fail", "no luck").apply_async(link=never)
    failed.get(timeout=10, propagate=False)
    bed.call("sleep", 0.3)
    equal(never_result.state, "PENDING")


def test_an_error_callback_gets_the_id_of_the_task_that_failed(bed):
    signature, follower = follow_up(bed, "echo")
    failed = swift(bed, "fail", "no luck").apply_async(link_error=signature)
    failed.get(timeout=10, propagate=False)
    equal(follower.get(timeout=10), {"args": [failed.id], "kwargs": {}})


def test_a_chain_goes_on_from_one_swift_task_to_the_next(bed):
    result = chain(swift(bed, "add", 1, 2), swift(bed, "mul", 10), swift(bed, "add", 4)).apply_async()
    equal(result.get(timeout=10), 34)
    if bed.kind == "redis":
        equal(result.parent.get(timeout=10), 30)
        equal(result.parent.parent.get(timeout=10), 3)


def test_a_chain_goes_on_after_a_swift_task_that_was_retried(bed):
    equal(chain(swift(bed, "flaky", 3), swift(bed, "add", 10)).apply_async().get(timeout=10), 13)


def test_a_chain_goes_from_python_to_swift_and_back(bed):
    python = bed.python_worker(name="chain")

    def sig(task, *args):
        return bed.app.signature(f"python.{task}", args).set(queue="python")
    result = chain(sig("add", 1, 2), swift(bed, "mul", 10), sig("add", 4), swift(bed, "add", 1)).apply_async()
    equal(result.get(timeout=15), 35)
    python.close()


def test_an_immutable_signature_does_not_get_the_result(bed):
    signature = bed.app.signature("swift.add", (5, 6), immutable=True).set(queue="swift")
    equal(chain(swift(bed, "add", 1, 2), signature).apply_async().get(timeout=10), 11)


def test_a_chain_stops_at_a_failure_whose_exception_the_caller_gets(bed):
    result = chain(swift(bed, "fail", "no luck"), swift(bed, "add", 1)).apply_async()
    failed = result.parent.get(timeout=10, propagate=False)
    equal((type(failed), failed.args), (ValueError, ("no luck",)))


def test_a_group_without_a_chord_is_run_and_its_results_are_gathered_in_order(bed):
    equal(group(swift(bed, "add", n, n) for n in range(10)).apply_async().get(timeout=10), [2 * n for n in range(10)])


@pytest.fixture(scope="module")
def python(bed):
    """A Python worker on the queue `python`, for fleets of both languages."""
    worker = bed.python_worker(name="mixed")
    yield worker
    worker.close()


def sig(bed, name, *args, **options):
    """A signature of a task of either language, which goes to its queue."""
    return bed.app.signature(name, args, **options).set(queue=name.partition(".")[0])


@only("redis")
def test_a_chord_runs_in_swift(bed):
    header = [swift(bed, "add", n, n) for n in range(100)]
    equal(chord(header, swift(bed, "tsum")).apply_async().get(timeout=20), 9900)


@only("redis")
@pytest.mark.parametrize("body", ["swift.tsum", "python.tsum"])
def test_a_chord_runs_in_both_languages(bed, python, body):
    header = [sig(bed, ("swift.add", "python.add")[n % 2], n, n) for n in range(20)]
    for _ in range(3):
        equal(chord(header, sig(bed, body)).apply_async().get(timeout=20), 380)


@only("redis")
@pytest.mark.parametrize("first", ["swift", "python"])
def test_a_workflow_goes_through_both_languages(bed, python, first):
    other = {"swift": "python", "python": "swift"}[first]

    def add(language, n):
        return sig(bed, f"{language}.add", n)
    nested = chain(add(other, 1), group(add(first, 1), add(other, 2)))
    canvas = chain(
        sig(bed, f"{first}.add", 1, 1), group(nested, add(other, 10), chord([add(first, 1)], sig(bed, f"{other}.tsum"))),
        sig(bed, f"{first}.echo"), sig(bed, f"{other}.echo"))
    value = canvas.apply_async().get(timeout=30)
    equal(value["args"][0]["args"], [[[4, 5], 12, 3]])


@only("redis")
@pytest.mark.parametrize("failing", ["swift", "python"])
@pytest.mark.parametrize("body", ["swift", "python"])
def test_a_failed_member_fails_the_body_in_the_same_words(bed, python, failing, body):
    told, told_result = follow_up(bed, "echo")
    bad = sig(bed, f"{failing}.fail", "no luck")
    result = chord([swift(bed, "add", 1, 1), sig(bed, "python.add", 1), bad], sig(bed, f"{body}.tsum")).on_error(
        told).apply_async()
    # Not the result itself: that looks at the members first.
    alone = bed.app.AsyncResult(result.id)
    failed = result.parent.results[2].id
    raises(f"ChordError: Dependency {failed} raised ValueError('no luck')", lambda: alone.get(timeout=20))
    equal(told_result.get(timeout=10)["args"], [result.id])


@only("redis")
def test_a_chain_that_fails_ends_the_chord_that_it_is_a_part_of(bed, python):
    member = chain(swift(bed, "fail", "no luck"), sig(bed, "python.add", 1), swift(bed, "add", 1))
    result = chord([member, swift(bed, "add", 1, 1)], sig(bed, "python.tsum")).apply_async()
    raises(
        f"ChordError: Dependency {result.parent.results[0].id} raised ValueError('no luck')",
        lambda: bed.app.AsyncResult(result.id).get(timeout=20))


@only("redis")
@pytest.mark.parametrize("loss", ["unregistered", "expired", "undecodable"])
def test_a_member_that_never_runs_ends_its_chord(bed, loss):
    bad = swift(bed, "nobody_knows" if loss == "unregistered" else "add", 1, 1)
    if loss == "expired":
        bad.set(expires=datetime.now(timezone.utc) - timedelta(seconds=10))
    if loss == "undecodable":
        bad.args = ({"__type__": "set", "__value__": 1}, 1)
    result = chord([bad, swift(bed, "add", 1, 1)], swift(bed, "tsum")).apply_async()
    error = None
    try:
        bed.app.AsyncResult(result.id).get(timeout=10)
    except ChordError as raised:
        error = str(raised)
    expected = {
        "unregistered": "Task of kind 'swift.nobody_knows' never registered", "expired": r"TaskRevokedError\('expired'\)",
        "undecodable": "InvalidTaskError"}[loss]
    matches(error or "nothing", expected)


@only("redis")
def test_a_member_that_python_has_revoked_ends_its_chord_in_swift(bed, python):
    revoked = str(uuid.uuid4())
    bed.app.control.revoke(revoked, reply=True, timeout=5, limit=1)
    # Swift's part is the last.
    header = [sig(bed, "python.add", 1, 1, task_id=revoked), swift(bed, "sleep", 0.5)]
    result = chord(header, swift(bed, "tsum")).apply_async()
    raises(
        f"ChordError: Dependency {revoked} raised TaskRevokedError('revoked')",
        lambda: bed.app.AsyncResult(result.id).get(timeout=20))


# Canvases with groups and headers of one task, or of none, made of signatures `s(task, *args)`.
SMALL = {
    "a header of one": lambda s: chord([s("add", 1, 1)], s("echo")),
    "a header of none": lambda s: chord([], s("echo")),
    "a task after a group of one": lambda s: group([s("add", 1, 1)]) | s("echo"),
    "a group of one within a chain": lambda s: s("add", 1, 1) | group([s("add", 1)]) | s("echo"),
    "an empty group within a chain": lambda s: s("add", 1, 1) | group([]) | s("echo"),
    "a group of one in a header": lambda s: chord([group([s("add", 1, 1)])], s("echo")),
    "a group of one in a header of two": lambda s: chord([group([s("add", 1, 1)]), s("add", 2, 2)], s("echo")),
    "chords of one in one another, within a chain": lambda s: chain(
        s("add", 1, 1), chord([chord([s("add", 1)], s("tsum"))], s("echo")), s("echo")),
    "a group of chords of one": lambda s: chain(
        s("add", 1, 1), group([chord([s("add", 1)], s("tsum"))]), s("echo")),
}


@only("redis")
@pytest.mark.parametrize("shape", SMALL)
def test_groups_of_one_task_or_none_come_to_the_same_as_with_python(bed, python, shape):
    values = []
    for language in ["python", "swift"]:
        canvas = SMALL[shape](lambda task, *args: sig(bed, f"{language}.{task}", *args))
        values.append(canvas.apply_async().get(timeout=20))
    equal(values[1], values[0])


@only("redis")
def test_chord_unlock_comes_again_until_the_header_has_ended(bed):
    body, result = follow_up(bed, "tsum")
    members = [str(uuid.uuid4()) for _ in range(3)]
    unlock = bed.app.send_task(
        "celery.chord_unlock", (str(uuid.uuid4()), body),
        {"result": [[[member, None], None] for member in members], "interval": 0.1}, queue="swift")

    def tries():
        return worker_log.count(bed.swift.log(), "retry: ", unlock.id)
    eventually(lambda: tries() >= 2, "it has come again, more than once")
    for number, member in enumerate(members):
        equal(result.state, "PENDING")
        bed.app.send_task("swift.add", (number, 1), task_id=member, queue="swift").get(timeout=10)
    equal(result.get(timeout=10), 6)
    equal(worker_log.successes(bed.swift.log(), result.id), 1)


@only("redis")
def test_what_json_has_no_words_for_comes_through_a_chord_as_with_python(bed, python):
    values = [
        datetime(2026, 1, 2, 3, 4, 5, 678901, timezone.utc), datetime(2026, 1, 2, 3, 4), date(2026, 1, 2), time(1, 2, 3),
        uuid.uuid4(), b"\x00\xff", Decimal("1.20"), 2 ** 70, 1e308, -0.0, float("inf"), {"": None, "__type__": "x"}]
    for language in ["python", "swift"]:
        header = [sig(bed, f"{language}.echo", value) for value in values]
        joined = chord(header, sig(bed, f"{language}.echo")).apply_async().get(timeout=20)
        equal([each["args"][0] for each in joined["args"][0]], values)


@only("redis")
@pytest.mark.parametrize("language", ["python", "swift"])
def test_a_header_whose_results_are_not_to_be_stored_is_counted(bed, python, language):
    odd = f"\u00e9t\u00e9 {{1}} * ?[a]:\u2028 {uuid.uuid4()}"
    header = [sig(bed, f"{language}.add", n, n).set(ignore_result=True, task_id=f"{odd} {n}") for n in range(3)]
    result = chord(header, sig(bed, f"{language}.tsum")).apply_async()
    equal(bed.app.AsyncResult(result.id).get(timeout=20), 6)
    equal({bed.app.AsyncResult(f"{odd} {n}").state for n in range(3)}, {"PENDING"})


@only("redis")
def test_what_is_revoked_while_a_swift_worker_holds_it_ends_its_chord_and_its_chain(bed):
    held = swift(bed, "add", 1, 1, task_id=str(uuid.uuid4()), countdown=1)
    joined = chord([held, swift(bed, "add", 2, 2)], swift(bed, "tsum")).apply_async()
    steps = chain(swift(bed, "add", 1, 1, countdown=1), swift(bed, "add", 2)).apply_async()
    bed.app.control.revoke([held.options["task_id"], steps.parent.id], reply=True, timeout=5, limit=1)
    raises(
        f"ChordError: Dependency {held.options['task_id']} raised TaskRevokedError('revoked')",
        lambda: bed.app.AsyncResult(joined.id).get(timeout=20))
    raises("TaskRevokedError: revoked", lambda: bed.app.AsyncResult(steps.id).get(timeout=20))


def test_an_error_callback_may_be_a_group(bed):
    callbacks = [follow_up(bed, "echo") for _ in range(2)]
    failed = swift(bed, "fail", "no luck").apply_async(link_error=group([signature for signature, _ in callbacks]))
    failed.get(timeout=10, propagate=False)
    equal([result.get(timeout=10)["args"] for _, result in callbacks], [[failed.id]] * 2)


@only("rabbitmq")
def test_a_task_is_tried_again_through_the_headers_exchange_that_it_came_from(bed):
    with bed.app.connection() as connection, connection.channel() as channel:
        exchange = Exchange("live.headers", "headers", channel=channel)
        exchange.declare()
        channel.queue_bind("swift", exchange.name, "", arguments={"to": "swift", "x-match": "all"})
        result = bed.app.send_task(
            "swift.flaky", (3,), exchange=exchange.name, exchange_type="headers", routing_key="", headers={"to": "swift"})
        equal(result.get(timeout=10), 3)
        exchange.delete()


def test_a_group_follows_a_swift_task_and_its_results_are_found(bed):
    result = chain(swift(bed, "add", 1, 2), group(swift(bed, "add", 10), swift(bed, "add", 20))).apply_async()
    equal(result.get(timeout=10), [13, 23])
    if bed.kind == "redis":
        children = result.parent.children
        equal([child.id for child in children], [result.id])
        equal([one.id for one in children[0].results], [one.id for one in result.results])


def test_a_map_runs_in_swift(bed):
    total = xmap(bed.app.signature("swift.tsum"), [[1, 2], [3]], app=bed.app)
    equal(total.set(queue="swift").apply_async().get(timeout=10), [3, 3])
    added = xstarmap(bed.app.signature("swift.add"), [[1, 2], [3]], app=bed.app)
    equal(added.set(queue="swift").apply_async().get(timeout=10), [3, 3])


def test_a_step_of_a_chain_waits_for_its_eta_which_kombu_writes_as_a_datetime(bed):
    eta = datetime.now(timezone.utc) + timedelta(seconds=2)
    result = chain(swift(bed, "add", 1, 2), swift(bed, "info").set(eta=eta, immutable=True)).apply_async()
    result.get(timeout=15)
    assert datetime.now(timezone.utc) >= eta, "it ran before its eta"
