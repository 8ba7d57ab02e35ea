"""What follows a Swift task: callbacks, error callbacks and chains, as far as they are built."""
import uuid
from datetime import datetime, timedelta, timezone

from celery import chain, chord, group
from celery.exceptions import ChordError

from live.bed import equal, matches, only


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


@only("redis")
def test_a_member_of_a_chord_which_is_not_built_is_a_failure_that_says_so(bed):
    member = swift(bed, "add", 1, 1)
    body = swift(bed, "tsum")
    result = chord([member, swift(bed, "add", 2, 2)], body).apply_async()
    try:
        result.parent.results[0].get(timeout=10)
    except Exception as error:
        matches(str(error), "(?i)chord")
    else:
        raise AssertionError("it was run as if it was no member of a chord")
    try:
        # Not the result itself: that looks at the members first.
        bed.app.AsyncResult(result.id).get(timeout=10)
    except ChordError as error:
        matches(str(error), "Dependency .* raised InvalidTaskError")
        return
    raise AssertionError("the chord's body has a result")


def test_a_step_of_a_chain_waits_for_its_eta_which_kombu_writes_as_a_datetime(bed):
    eta = datetime.now(timezone.utc) + timedelta(seconds=2)
    result = chain(swift(bed, "add", 1, 2), swift(bed, "info").set(eta=eta, immutable=True)).apply_async()
    result.get(timeout=15)
    assert datetime.now(timezone.utc) >= eta, "it ran before its eta"
