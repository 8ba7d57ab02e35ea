"""Fifty values that do not belong where they are put, and messages that are hostile as a whole."""
import base64
import json
import zlib

# In place of a value: the key or element is taken out.
ABSENT = object()


class Raw(str):
    """Text that stands in the JSON as it is, where `json.dumps` would not write it."""


WRONG = [
    ABSENT, None, True, False, 0, -1, 7, 2**31, 2**63 - 1, 2**63, -(2**63), -(2**64), Raw("1" + "0" * 400), 0.5, Raw("-0.0"),
    Raw("1e999"), Raw("NaN"), Raw("Infinity"), Raw("-Infinity"),
    "", " ", "a", "0", "null", "swift.add", "application/json", "\ud800", "a\nb", "\x1b[31mred", "\u202egnirts", "\x00",
    "ü" * 300, "x" * 5000, "unacked", "_kombu.binding.celery", "../etc/passwd", "2026-13-45T00:00:00",
    "2020-01-01T00:00:00Z",
    [], {}, [[]], [None], [1] * 300, {"a": 1}, {"": 0}, Raw("[" * 600 + "]" * 600),
    {"__type__": "uuid", "__value__": "0123456789abcdef0123456789abcdef"}, {"__type__": "decimal", "__value__": "1E+999999"},
    {"__type__": "datetime", "__value__": "2020-01-01T00:00:00+00:00"},
    {"task": "swift.add", "args": [1, 2], "kwargs": {}, "options": {"queue": "unacked"}},
]
assert len(WRONG) == 50


def specials():
    """(name, how often compared with the others, changes of headers, body as bytes, content type, content encoding)."""
    def call(args="[2, 3]", kwargs="{}", embed="{}"):
        return f"[{args}, {kwargs}, {embed}]".encode()

    def link(options="{}", more=""):
        return call(embed='{"callbacks": [{"task": "swift.add", "args": [1], "kwargs": {}, "options": %s%s}]}' % (options, more))

    def bomb(part, size=16_000_000):
        return zlib.compress(b"[[" + part * (size // len(part)) + b"0], {}, {}]", 9)

    zeros = zlib.compress(b"[[" + b" " * 64_000_000 + b"2, 3], {}, {}]", 9)
    uuid = {"__type__": "uuid", "__value__": "6f0d4e1a2b3c4d5e8f90a1b2c3d4e5f6"}
    plain = call()
    rows = [
        ("the id is a tagged UUID", 20, {"id": uuid}, plain),
        ("all ids are tagged UUIDs", 20, dict.fromkeys(["id", "root_id", "parent_id", "group"], uuid), plain),
        ("the id of a link is a tagged UUID", 20, {}, link(json.dumps({"task_id": uuid}))),
        ("a link has NaN in its headers", 20, {}, link('{"headers": {"x": NaN}}')),
        ("a link has NaN as its time limit", 20, {}, link('{"time_limit": NaN}')),
        ("a link has NaN as a stamp", 20, {}, link('{"stamps": {"a": NaN}, "stamped_headers": ["a"]}')),
        ("a link goes to kombu's own keys", 20, {}, link('{"queue": "unacked_index"}')),
        ("a link goes to a queue with a long name", 20, {}, link(json.dumps({"queue": "q" * 300}))),
        ("a link goes to a queue with odd letters", 20, {}, link(json.dumps({"queue": "a\n\x1b[31m\u202eb"}))),
        ("many errbacks that cannot be read", 2, {"task": "swift.fail"},
         call('["no luck"]', embed=json.dumps({"errbacks": [5] * 2000}))),
        ("many links", 2, {}, call(embed=json.dumps({"callbacks": [{"task": "swift.add", "args": [1]}] * 200}))),
        ("a chain with a step that is none", 20, {}, call(embed='{"chain": [{"task": null}, 5, [[]]]}')),
        ("an integer of 100,000 digits", 20, {}, call("[" + "9" * 100_000 + ", 1]")),
        ("a float of many digits", 20, {}, call("[" + "9" * 10_000 + ".5, 1]")),
        ("nested 100,000 deep", 20, {}, b"[" * 100_000),
        ("nested 400 deep", 20, {"task": "swift.echo"}, call("[" * 400 + "]" * 400)),
        ("objects nested 100,000 deep", 20, {}, b'{"a":' * 100_000),
        ("lone surrogates everywhere", 20, {"task": "\udfff", "root_id": "\ud800"}, call(r'["\ud800", "\udfff\ud800"]')),
        ("sixteen megabytes of small objects in 40 KB", 1, {"compression": "application/x-gzip"}, bomb(b'{"":0},')),
        ("sixteen megabytes of small arrays in 40 KB", 1, {"compression": "application/x-gzip"}, bomb(b"[0],")),
        ("sixteen megabytes of numbers in 16 KB", 1, {"compression": "application/x-gzip"}, bomb(b"0,")),
        ("sixteen megabytes of texts in 16 KB", 1, {"compression": "application/x-gzip"}, bomb(b'"",')),
        ("sixteen megabytes of long texts in 40 KB", 1, {"compression": "application/x-gzip"}, bomb(b'"' + b"x" * 20 + b'",')),
        ("sixteen megabytes of deep arrays in 20 KB", 1, {"compression": "application/x-gzip"},
         bomb(b"[" * 400 + b"]" * 400 + b",")),
        ("sixteen megabytes of different arrays", 1, {"compression": "application/x-gzip"},
         bomb(b"".join(b"[%d]," % number for number in range(200_000)))),
        ("megabytes of different keys", 1, {"compression": "application/x-gzip"},
         zlib.compress(call("[]", json.dumps({f"k{number}": number for number in range(200_000)})))),
        ("64 megabytes of spaces in 64 KB", 1, {"compression": "application/x-gzip"}, zeros),
        ("compressed, and cut", 20, {"compression": "application/x-gzip"}, zlib.compress(plain)[:-3]),
        ("compressed, and more behind it", 20, {"compression": "application/x-gzip"}, zlib.compress(plain) * 3),
        ("compressed twice", 20, {"compression": "application/x-gzip"}, zlib.compress(zlib.compress(plain))),
        ("a compression with a long name", 20, {"compression": "z" * 5000}, plain),
        ("many headers, tried again", 2, {"task": "swift.flaky", **{f"x-first-death-{n}": "q" for n in range(3000)}}, call("[2]")),
        ("a header with a long name", 20, {"h" * 200: "h" * 20_000}, plain),
        ("retries below zero", 20, {"retries": -5}, plain),
        ("a name with control characters", 20, {"task": "a\nb\r\x1b]0;title\x07\u2028\u202e\u0085\x00"}, plain),
        ("a long name", 20, {"task": "swift." + "n" * 100_000}, plain),
        ("a name of combining letters", 20, {"task": "a" + "\u0301" * 2000}, plain),
        ("a long id", 20, {"id": "i" * 50_000}, plain),
        ("an id with control characters", 20, {"id": "a\nb\x1b[2J\u202e\x00"}, plain),
        ("a long failure", 2, {"task": "swift.fail"}, call(json.dumps(["no\nluck " * 200_000]))),
        ("a failure with control characters", 20, {"task": "swift.fail"}, call(json.dumps(["\x1b[31m\n\r\u202e"]))),
        ("UTF-16", 20, {}, plain.decode().encode("utf-16")),
        ("a byte order mark", 20, {}, b"\xef\xbb\xbf" + plain),
        ("bytes that are no UTF-8", 20, {}, b'[["\xff\xc0\x80\xed\xa0\x80", 1], {}, {}]'),
        ("keys twice", 20, {}, call('[1]', '{"y": 1, "y": 2}')),
        ("many keys that hash alike", 2, {"task": "swift.echo"},
         call("[]", json.dumps({str(n * 2**61): n for n in range(3000)}))),
        ("a tagged value inside a tagged value", 20, {"task": "swift.echo"},
         call('[{"__type__": "datetime", "__value__": {"__type__": "datetime", "__value__": "2020-01-01"}}]')),
        ("a decimal of a million digits", 20, {"task": "swift.echo"}, call('[{"__type__": "decimal", "__value__": "1E-999999"}]')),
    ]
    for name, share, headers, body in rows:
        yield name, share, headers, body, "application/json", "utf-8"
    for content_type in ["application/x-python-serialize", "application/data", "text/plain", "x" * 200, "a\nb", "", "\u202e"]:
        yield f"the content type {content_type[:30]!r}", 20, {}, plain, content_type, "utf-8"
    for encoding in ["binary", "latin-1", "utf-16", "x" * 200, "a\nb", ""]:
        yield f"the content encoding {encoding[:30]!r}", 20, {}, plain, "application/json", encoding


def base64_text(data):
    return base64.b64encode(data).decode()
