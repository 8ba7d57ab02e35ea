"""What follows a Swift task: callbacks, error callbacks and chains, as far as they are built."""
import uuid
from datetime import datetime, timedelta, timezone

from celery import chain, group
from live import check, equal, matches


def swift(bed, task, *args, **options):
    return bed.app.signature(f"swift.{task}", args).set(queue="swift", **options)


def follow_up(bed, task, *args):
    """A signature, and the result that its task will have."""
    signature = swift(bed, task, *args, task_id=str(uuid.uuid4()))
    return signature, signature.freeze(signature.options["task_id"])


@check()
def link(bed):
    """A callback gets the result of a Swift task"""
    signature, follower = follow_up(bed, "add", 10)
    result = swift(bed, "add", 1, 2).apply_async(link=signature)
    equal(result.get(timeout=10), 3)
    equal(follower.get(timeout=10), 13)


@check()
def two_links(bed):
    """All callbacks are called, and none after a failure"""
    first, first_result = follow_up(bed, "add", 10)
    second, second_result = follow_up(bed, "mul", 10)
    swift(bed, "add", 1, 2).apply_async(link=[first, second])
    equal((first_result.get(timeout=10), second_result.get(timeout=10)), (13, 30))
    never, never_result = follow_up(bed, "echo")
    failed = swift(bed, "fail", "no luck").apply_async(link=never)
    failed.get(timeout=10, propagate=False)
    bed.call("sleep", 0.3)
    equal(never_result.state, "PENDING")


@check()
def link_error(bed):
    """An error callback gets the id of the task that failed"""
    signature, follower = follow_up(bed, "echo")
    failed = swift(bed, "fail", "no luck").apply_async(link_error=signature)
    failed.get(timeout=10, propagate=False)
    equal(follower.get(timeout=10), {"args": [failed.id], "kwargs": {}})


@check()
def swift_chain(bed):
    """A chain goes on from one Swift task to the next"""
    result = chain(swift(bed, "add", 1, 2), swift(bed, "mul", 10), swift(bed, "add", 4)).apply_async()
    equal(result.get(timeout=10), 34)
    if bed.kind == "redis":
        equal(result.parent.get(timeout=10), 30)
        equal(result.parent.parent.get(timeout=10), 3)


@check()
def retried_chain(bed):
    """A chain goes on after a Swift task that was retried"""
    equal(chain(swift(bed, "flaky", 3), swift(bed, "add", 10)).apply_async().get(timeout=10), 13)


@check()
def mixed_chain(bed):
    """A chain goes from Python to Swift and back"""
    python = bed.python_worker(name="chain")

    def sig(task, *args):
        return bed.app.signature(f"python.{task}", args).set(queue="python")
    result = chain(sig("add", 1, 2), swift(bed, "mul", 10), sig("add", 4), swift(bed, "add", 1)).apply_async()
    equal(result.get(timeout=15), 35)
    python.close()


@check()
def immutable(bed):
    """An immutable signature does not get the result"""
    signature = bed.app.signature("swift.add", (5, 6), immutable=True).set(queue="swift")
    equal(chain(swift(bed, "add", 1, 2), signature).apply_async().get(timeout=10), 11)


@check()
def broken_chain(bed):
    """A chain stops at a failure, whose exception the caller gets"""
    result = chain(swift(bed, "fail", "no luck"), swift(bed, "add", 1)).apply_async()
    failed = result.parent.get(timeout=10, propagate=False)
    equal((type(failed), failed.args), (ValueError, ("no luck",)))


@check()
def plain_group(bed):
    """A group without a chord is run, and its results are gathered in order"""
    equal(group(swift(bed, "add", n, n) for n in range(10)).apply_async().get(timeout=10), [2 * n for n in range(10)])


@check("redis")
def chord_member(bed):
    """A member of a chord, which is not built, is a failure that says so"""
    from celery import chord
    from celery.exceptions import ChordError
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


@check()
def step_with_eta(bed):
    """A step of a chain waits for its eta, which kombu writes as a datetime"""
    eta = datetime.now(timezone.utc) + timedelta(seconds=2)
    result = chain(swift(bed, "add", 1, 2), swift(bed, "info").set(eta=eta, immutable=True)).apply_async()
    result.get(timeout=15)
    assert datetime.now(timezone.utc) >= eta, "it ran before its eta"
