"""Messages that break the protocol: after each the worker still answers, and the caller is told where the message
names an id. Python's workers are ended by many of these."""
import datetime
import decimal
import json
import uuid
import zlib

import pytest

from fleet import worker_log
from live.bed import equal, eventually, matches, only
from live.raw import ABSENT, EMBED, Raw, expect_reply


def still_works(bed):
    equal(bed.call("add", 20, 22), 42)
    if bed.kind == "redis":
        eventually(lambda: not bed.redis.hlen("unacked") and not bed.redis.zcard("unacked_index"), "unacked is empty")


SILENT = object()
INVALID = "^InvalidTaskError: "
CASES = []


def case(name, raw, exception=None, value=5):
    """Adds a message. `exception` is a pattern of what the caller gets; SILENT if nobody can be told. A message that is
    not run is one line of the log, with the id if there is one."""
    CASES.append(pytest.param(raw, exception, value, id=name, marks=[only(kind) for kind in raw.only]))


# What is harmless.
case("A message without lang is run", Raw(headers={"lang": ABSENT}))
case("A message with unknown headers is run", Raw(headers={"x-unknown": {"a": [None, 1.5]}, "y": "z"}))
case("A message with the smallest set of headers is run", Raw(headers={"lang": ABSENT, "retries": ABSENT, "root_id": ABSENT}))
case("A message without a content encoding is run", Raw(content_encoding=None))
case("A message with UTF-8 in capitals is run", Raw(content_encoding="UTF-8"))
case("A message whose embed is null is run", Raw(body=[[2, 3], {}, None]))
case("A message whose embed is empty is run", Raw(body=[[2, 3], {}, {}]))
case("A message whose embed is partial is run", Raw(body=[[2, 3], {}, {"chain": []}]))
case("A message without a correlation id is run", Raw(properties={"correlation_id": ABSENT}))
case("A message with empty time limits is run", Raw(headers={"timelimit": []}))
case("A message with null for everything optional is run", Raw(headers=dict.fromkeys(
    ["shadow", "eta", "expires", "group", "group_index", "retries", "timelimit", "root_id", "parent_id", "argsrepr",
     "kwargsrepr", "origin", "ignore_result", "replaced_task_nesting", "stamped_headers", "stamps"])))
case("An eta with Z is read", Raw(headers={"eta": "2020-01-01T00:00:00Z"}))
case("An expiry with Z is read", Raw(headers={"expires": "2999-01-01T00:00:00Z"}))
case("A body with spaces and line ends is read", Raw(raw_body=b' \n[ [2,\t3] ,{ },\r\n{ } ] '))
case("A body with an object that is almost a tagged value is run",
     Raw(headers={"task": "swift.echo"}, body=[[{"__type__": "x", "__value__": 1, "more": 1}], {}, EMBED]),
     value={"args": [{"__type__": "x", "__value__": 1, "more": 1}], "kwargs": {}})
case("A message of a million bytes is run",
     Raw(headers={"task": "swift.echo"}, body=[["x" * 1_000_000], {}, EMBED]),
     value={"args": ["x" * 1_000_000], "kwargs": {}})
case("A protocol 1 body without arguments is run",
     Raw(headers={"task": "swift.echo"}, body={"args": [], "kwargs": {}}), value={"args": [], "kwargs": {}})
case("A body of protocol 1 under headers of protocol 2 is run", Raw(body={"args": [2], "kwargs": {"y": 3}}))
case("What the headers lack is in the body of a mixed message", Raw(
    headers={"id": ABSENT, "task": "swift.info", "retries": ABSENT},
    body=lambda identifier: {"id": identifier, "args": [], "kwargs": {}, "retries": 7}),
    value=lambda identifier: {"id": identifier, "retries": 7, "queue": "swift", "headers": {}})
for value in ["x", "2", -1, 1.5, True, [], {}]:
    case(f"The retries {json.dumps(value)} do no harm", Raw(headers={"retries": value}))
case("A number of retries beyond 64 bits does no harm", Raw(headers={"retries": 10**30}, only=("redis",)))
for value in [0, "", {}, False]:
    case(f"The time limits {json.dumps(value)} are none", Raw(headers={"timelimit": value}))
for value in ["", False]:
    case(f"The compression {json.dumps(value)} is none", Raw(headers={"compression": value}))
case("A group index that is a string does no harm", Raw(headers={"group_index": "x"}))
case("Names of stamps without the stamps do no harm", Raw(headers={"stamped_headers": ["a"]}))
case("An empty shadow is none", Raw(headers={"shadow": ""}))
case("A body encoding of UTF-8 is plain text", Raw(properties={"body_encoding": "utf-8"}, only=("redis",)))
case("Empty lists of what follows are nothing", Raw(body=[[2, 3], {}, {**EMBED, "callbacks": [], "errbacks": []}]))
case("Empty objects for what follows are nothing",
     Raw(body=[[2, 3], {}, {"callbacks": {}, "errbacks": {}, "chain": {}, "chord": {}}]))
for group in [ABSENT, None, ""]:
    case(f"A chord {'without a group' if group is ABSENT else f'of the group {group!r}'} is not one", Raw(
        headers={"group": group}, body=[[2, 3], {}, {**EMBED, "chord": {"task": "swift.tsum", "args": []}}]))
case("A time without a zone is in UTC, whatever protocol 1 says", Raw(
    headers={"task": ABSENT, "id": ABSENT},
    body=lambda identifier: {"task": "swift.add", "id": identifier, "args": [2, 3], "utc": False,
                             "expires": (datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
                                         + datetime.timedelta(minutes=10)).isoformat()}))
for key in ["eta", "expires"]:
    year = 2020 if key == "eta" else 2999
    case(f"An {key} of AMQP's type for times is read", Raw(
        headers={key: datetime.datetime(year, 1, 2, 3, 4, 5)}, only=("rabbitmq",)))
case("A priority that is a string is taken", Raw(properties={"priority": "3"}, only=("redis",)))
case("A message without a delivery tag is run", Raw(properties={"delivery_tag": ABSENT}, only=("redis",)))
case("A message without delivery info is run", Raw(properties={"delivery_info": ABSENT}, only=("redis",)))
case("A message whose delivery info has no routing key is run", Raw(properties={"delivery_info": {}}, only=("redis",)))
case("A message with the body as plain text is run", Raw(properties={"body_encoding": ABSENT}, only=("redis",)))
case("A message with properties that nobody knows is run",
     Raw(properties={"replyTo": "x", "origin": "y", "n": [1]}, only=("redis",)))

# What is not accepted.
for content_type in ["application/x-yaml", "application/x-msgpack", "application/x-python-serialize",
                     "application/json; charset=utf-8", "application/data", "text/plain"]:
    case(f"Content type {content_type} is refused", Raw(content_type=content_type), INVALID + ".*refusing")
case("A message without a content type is refused", Raw(content_type=None), INVALID)
case("A message without headers and body of a task is refused", Raw(headers={"task": ABSENT, "id": ABSENT}), SILENT)
case("A body that names no task is refused",
     Raw(headers={"task": ABSENT, "id": ABSENT}, body={"id": "x", "args": []}), SILENT)
case("A task whose name is a number is refused", Raw(headers={"task": 5}), INVALID)
case("A task without an id is refused", Raw(headers={"id": ABSENT}), SILENT)
for identifier in [None, "", 5]:
    case(f"A task whose id is {identifier!r} is refused", Raw(headers={"id": identifier}), SILENT)
case("A protocol 1 message without an id is refused",
     Raw(headers={"task": ABSENT, "id": ABSENT}, body={"task": "swift.add", "args": [2, 3]}), SILENT)
case("A task without an id whose name has two lines is refused", Raw(headers={"id": ABSENT, "task": "a\nb"}), SILENT)
case("An envelope whose headers are null is refused", Raw(envelope={"headers": None}), SILENT)
case("A task that is not registered is refused", Raw(headers={"task": "no.such.task"}), "^NotRegistered: .*no.such.task")
case("A task that is not registered and whose name has two lines is refused",
     Raw(headers={"task": "no.such\ntask"}), "^NotRegistered: ")

# What cannot be decoded.
for text in [b"", b"[[2, 3], {}", b"[[2, 3], {}, {}] x", b"\xff\xfe\x00", b"\x00", b"[[2,], {}, {}]", b"{'a': 1}", b"nul"]:
    case(f"The body {text!r} is a failure", Raw(raw_body=text), INVALID)
case("A tagged value of an unknown type is a failure",
     Raw(body=[[{"__type__": "complex", "__value__": "1j"}, 1], {}, EMBED]), INVALID)
case("A UUID that is a plain string is a failure",
     Raw(body=[[{"__type__": "uuid", "__value__": "x"}, 1], {}, EMBED]), INVALID)
case("A date that is none is a failure",
     Raw(body=[[{"__type__": "datetime", "__value__": "yesterday"}, 1], {}, EMBED]), INVALID)
case("A body that is nested 100,000 deep is a failure", Raw(raw_body=b"[" * 100_000), INVALID)
case("A compression that nobody knows is a failure", Raw(headers={"compression": "application/x-nothing"}), INVALID)
case("A compression that is not zlib is a failure", Raw(headers={"compression": "application/x-bz2"}), INVALID)
case("A compressed body that is not compressed is a failure", Raw(headers={"compression": "application/x-gzip"}), INVALID)
case("A compressed body that is cut off is a failure",
     Raw(headers={"compression": "application/x-gzip"}, raw_body=zlib.compress(b"[[2, 3], {}, {}]")[:-4]), INVALID)

# What is decoded and makes no sense.
for body in [[], [[2, 3], {}], [[2, 3], {}, {}, 1], [1, 2, 3], [[2, 3], [], {}], [None, {}, {}], [[2, 3], None, {}],
             [{"x": 2}, {}, {}], ["23", {}, {}], {}, {"foo": 1}, {"args": None}, {"args": [2, 3], "kwargs": 5}, "text", 5, None,
             True]:
    case(f"The body {json.dumps(body)} is a failure", Raw(body=body), INVALID)
for value in ["", "tomorrow", "2026-13-45T00:00:00", "99999999999-01-01", 5, -1.5, [], {}, True, "2026-11-21T25:00:00"]:
    case(f"The eta {json.dumps(value)} is a failure", Raw(headers={"eta": value}), INVALID + ".*eta")
    case(f"The expiry {json.dumps(value)} is a failure", Raw(headers={"expires": value}), INVALID + ".*expires")
for value in [[5], "x", {"a": 1}, ["x", None], 5, [[1], []], [1, 2, 3]]:
    case(f"The time limits {json.dumps(value)} are a failure", Raw(headers={"timelimit": value}), INVALID + ".*timelimit")
for fields in [{"eta": "tomorrow"}, {"expires": 5}, {"timelimit": [5]}]:
    def old(identifier, fields=fields):
        return {"task": "swift.add", "id": identifier, "args": [2, 3], **fields}
    key = next(iter(fields))
    case(f"In protocol 1 the {json.dumps(fields)} is a failure",
         Raw(headers={"task": ABSENT, "id": ABSENT}, body=old), INVALID + f".*{key}")
    case(f"In a mixed message the {json.dumps(fields)} is a failure", Raw(headers={"id": ABSENT}, body=old),
         INVALID + f".*{key}")

# What is no message at all, on Redis.
for entry in [b"", b"x", b"5", b"null", b"[]", b"{}", b"\xff\xfe", b'{"body": 5}', b'{"body": "", "headers": 5}',
              b'{"headers": {}, "properties": {}}', b'{"body": "", "headers": [], "properties": []}', b"[" * 100_000,
              b'{"a":' * 100_000, b"\x00" * 1000, b'{"body": "' + b"x" * 2_000_000 + b'"}']:
    shown = repr(entry[:40]) + (f" of {len(entry)} bytes" if len(entry) > 40 else "")
    case(f"The list entry {shown} is put aside", Raw(entry=entry), SILENT)
case("A body that is not base64 is a failure", Raw(envelope={"body": "*"}), INVALID)
case("An envelope without a body is a failure", Raw(envelope={"body": ABSENT}), INVALID)
case("An envelope whose properties are a list is run", Raw(envelope={
    "properties": [], "body": json.dumps([[2, 3], {}, EMBED])}))


@pytest.mark.parametrize(("raw", "exception", "value"), CASES)
def test_message(bed, raw, exception, value):
    identifier = str(uuid.uuid4())
    expect_reply(bed, identifier)
    before = len(bed.swift.log())
    raw.send(bed, identifier)
    result = bed.app.AsyncResult(identifier)
    if exception is None:
        equal(result.get(timeout=10), value(identifier) if callable(value) else value)
    elif exception is not SILENT:
        try:
            result.get(timeout=10)
        except Exception as error:
            matches(f"{type(error).__name__}: {error}", exception)
        else:
            raise AssertionError("there is a result")
        equal(result.state, "FAILURE")
    still_works(bed)

    def read_log():
        lines = [(line, worker_log.parse(line)) for line in bed.swift.log()[before:].splitlines()]
        return lines, [parsed for _, parsed in lines if parsed and parsed.text.startswith(("refused", "Message refused"))]
    if exception is not None:
        # It is written when the message is settled, which is after its result is there.
        eventually(lambda: read_log()[1], "the worker's log says that the message is refused")
    lines, refusals = read_log()
    # What is not a line of its own is the rest of a line that was broken.
    equal([line for line, parsed in lines if parsed is None], [])
    equal(len(refusals), 0 if exception is None else 1)
    for refusal in refusals:
        equal(refusal.id == identifier, exception is not SILENT)


def memory(worker, field):
    """A figure of a worker in bytes: VmRSS is what it has now, VmHWM what it has had at most."""
    with open(f"/proc/{worker.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{field}:"))


def test_a_body_that_inflates_takes_a_small_multiple_of_its_text(bed):
    """Each of these objects takes seven bytes of text."""
    equal(bed.call("add", 20, 22), 42)
    size = 4 << 20
    before = memory(bed.swift, "VmRSS")
    body = b"[[" + b",".join([b'{"":0}'] * (size // 7)) + b"], {}, {}]"
    identifier = str(uuid.uuid4())
    expect_reply(bed, identifier)
    Raw(headers={"compression": "application/x-gzip"}, raw_body=zlib.compress(body)).send(bed, identifier)
    with pytest.raises(TypeError, match="positional arguments"):
        bed.app.AsyncResult(identifier).get(timeout=60)
    assert memory(bed.swift, "VmHWM") < before + 24 * size
    still_works(bed)


@only("rabbitmq")
def test_headers_of_types_that_json_does_not_have_do_no_harm(bed):
    headers = {
        "x-death": [{"count": 1, "time": datetime.datetime(2020, 1, 1), "queue": "q", "routing-keys": ["a"]}],
        "decimal": decimal.Decimal("1.5"), "bytes": b"\xff", "long": 2**40, "float": 1.5, "list": [True, None, {}],
    }
    for task in ["add", "info"]:
        identifier = str(uuid.uuid4())
        expect_reply(bed, identifier)
        body = [[2, 3] if task == "add" else [], {}, EMBED]
        Raw(headers={**headers, "task": f"swift.{task}"}, body=body).send(bed, identifier)
        bed.app.AsyncResult(identifier).get(timeout=10)
    still_works(bed)


@only("rabbitmq")
def test_after_all_of_these_rabbitmq_holds_nothing_for_the_worker(bed):
    def is_settled():
        lines = bed.server.control(
            "list_queues", "--no-table-headers", "name", "messages_ready", "messages_unacknowledged").splitlines()
        return any(line.split("\t") == ["swift", "0", "0"] for line in lines)
    eventually(is_settled, "the queue is empty")


@only("redis")
def test_what_cannot_be_run_on_redis_can_be_found_again_as_it_came(bed):
    entry = b'{"no message": "%s"}' % uuid.uuid4().hex.encode()
    bed.redis.lpush("swift", entry)
    still_works(bed)

    def lists():
        return [key for key in bed.redis.keys("*dead*") if bed.redis.type(key) == b"list"]
    eventually(lambda: any(entry in bed.redis.lrange(key, 0, -1) for key in lists()), "it is in a list of dead letters")


def test_the_worker_was_never_started_again_and_did_not_connect_again(bed):
    equal(len(bed.swift.log().split("ready")) - 1, 1)
