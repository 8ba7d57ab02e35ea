"""What is recorded. Each case is a name, the Python code that is run (it becomes the `how` of the fixture), and marks:

    core     also recorded from older senders, where 5.7.0 has all cases
    since    the first Celery that can do it
    only     "redis" or "amqp"
    config   settings of the app that sends it

`ID` is an id made from the name of the case, so that it stays the same from one capture to the next.
"""


class Case:
    def __init__(self, name, how, core=False, since=(0,), only=None, **config):
        self.name, self.how, self.core, self.since, self.only, self.config = name, how, core, since, only, config


MESSAGES = [
    # Ways to pass arguments.
    Case("plain-args", "add.apply_async((2, 3), task_id=ID)", core=True),
    Case("plain-kwargs", "add.apply_async(kwargs={'x': 2, 'y': 3}, task_id=ID)", core=True),
    Case("plain-mixed", "add.apply_async((2,), {'y': 3}, task_id=ID)"),
    Case("no-args", "info.apply_async(task_id=ID)", core=True),
    Case("fails", "fail.apply_async(('no luck',), task_id=ID)"),
    Case("retries-itself", "flaky.apply_async((1,), task_id=ID)"),
    Case("list-argument", "tsum.apply_async(([1, 2, 3.5],), task_id=ID)"),
    Case("by-name", "bare.send_task('swift.add', (2, 3), task_id=ID)", core=True),
    Case("by-name-unknown", "bare.send_task('legacy.job', ('a', 1), {'dry_run': True}, task_id=ID)", core=True),
    Case("too-many-arguments", "bare.send_task('swift.add', (1, 2, 3), task_id=ID)"),
    Case("unexpected-keyword", "bare.send_task('swift.add', (1, 2), {'z': 3}, task_id=ID)"),
    Case("missing-argument", "bare.send_task('swift.mul', (1,), task_id=ID)"),
    # What Python's JSON can write. (Bodies are the same on both brokers, so most of these are recorded on one.)
    Case("json-text",
         r"""echo.apply_async(('', 'é', '日本語', '😀', '\x00\x07\n\t"\\/', '\u2028', '</script>'), task_id=ID)""",
         core=True),
    Case("json-lone-surrogates", r"echo.apply_async(('\ud800', 'a\udfffb', '\udc00\ud800'), task_id=ID)"),
    Case("json-integers", "echo.apply_async((0, -1, 2**53 + 1, 2**63 - 1, 2**63, -2**63, -2**63 - 1, 2**64, 10**40), "
         "task_id=ID)", core=True, only="redis"),
    Case("json-floats", "echo.apply_async((1.0, -0.0, 0.1, 1e16, 1e22, 1e300, 5e-324, 1.7976931348623157e308, "
         "123456789.12345679, 1e-7), task_id=ID)", core=True, only="redis"),
    Case("json-not-finite", "echo.apply_async((nan, inf, -inf), task_id=ID)", core=True),
    Case("json-constants", "echo.apply_async((None, True, False), task_id=ID)", only="redis"),
    Case("json-empty", "echo.apply_async(([], {}, '', ()), task_id=ID)", only="redis"),
    Case("json-nested", "echo.apply_async(([[], {}, [[[[]]]], {'a': {'b': [None, True, {'c': 0.5}]}}],), task_id=ID)",
         only="redis"),
    Case("json-keys", "echo.apply_async(({1: 'a', None: 'b', True: 'c', 1.5: 'd', '': 'e', 'é': 'f'},), task_id=ID)",
         only="redis"),
    Case("json-keyword-names", "echo.apply_async((), {'é': 1, 'with space': 2, '': 3, 'class': 4}, task_id=ID)",
         only="redis"),
    Case("json-deep", "echo.apply_async((nested(100),), task_id=ID)", only="redis"),
    Case("json-long", "echo.apply_async(('x' * 2000, list(range(100))), task_id=ID)", only="redis"),
    Case("json-type-lookalikes", "echo.apply_async(({'__type__': 'datetime'}, {'__value__': 1}, "
         "{'__type__': 'datetime', '__value__': 'x', 'more': 1}), task_id=ID)", only="redis"),
    # Values with a tag.
    Case("type-datetime", "echo.apply_async((datetime(2030, 1, 2, 3, 4, 5), datetime(2030, 1, 2, 3, 4, 5, 6000), "
         "datetime(2030, 1, 2, 3, 4, 5, 678901, UTC), datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, "
         "minutes=30)))), task_id=ID)", core=True),
    Case("type-date", "echo.apply_async((date(2030, 1, 2), date(1, 1, 1)), task_id=ID)", core=True, only="redis"),
    Case("type-time", "echo.apply_async((time(3, 4, 5), time(3, 4, 5, 678901), time(3, 4, tzinfo=UTC)), task_id=ID)",
         only="redis"),
    Case("type-decimal", "echo.apply_async((Decimal('1.50'), Decimal('-1E+30'), Decimal('NaN')), task_id=ID)",
         core=True, only="redis"),
    Case("type-uuid", "echo.apply_async((UUID('12345678-1234-5678-1234-567812345678'),), task_id=ID)",
         core=True, only="redis"),
    Case("type-bytes", r"echo.apply_async((b'abc', b'', 'é'.encode()), task_id=ID)",
         since=(5, 3), core=True, only="redis"),
    Case("type-bytes-binary", r"echo.apply_async((b'\xff\xfe', bytes(range(256))), task_id=ID)",
         since=(5, 3), core=True),
    Case("type-nested", "echo.apply_async(([{'at': datetime(2030, 1, 2, tzinfo=UTC)}],), {'price': Decimal('9.99')}, "
         "task_id=ID)", only="redis"),
    # Times. (RabbitMQ refuses messages that expire in more than 49 days.)
    Case("eta", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 1, 2, 3, 4, 5, 678901, UTC))", core=True),
    Case("eta-naive", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 1, 2, 3, 4, 5))", core=True),
    Case("eta-offset", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 1, 2, 3, 4, 5, "
         "tzinfo=timezone(timedelta(hours=5, minutes=30))))"),
    Case("eta-past", "add.apply_async((2, 3), task_id=ID, eta=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))"),
    Case("countdown", "add.apply_async((2, 3), task_id=ID, countdown=10)", core=True),
    Case("countdown-fraction", "add.apply_async((2, 3), task_id=ID, countdown=0.5)"),
    Case("countdown-zero", "add.apply_async((2, 3), task_id=ID, countdown=0)"),
    Case("expires-seconds", "add.apply_async((2, 3), task_id=ID, expires=60)", core=True),
    Case("expires-date", "add.apply_async((2, 3), task_id=ID, expires=datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC))",
         core=True, only="redis"),
    Case("expires-naive", "add.apply_async((2, 3), task_id=ID, expires=datetime(2050, 1, 2, 3, 4, 5))", only="redis"),
    Case("expired", "add.apply_async((2, 3), task_id=ID, expires=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC))"),
    Case("local-time", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 7, 2, 3, 4, 5), expires=60)",
         enable_utc=False, timezone="Europe/Berlin"),
    # Options.
    *[Case(f"priority-{n}", f"add.apply_async((2, 3), task_id=ID, priority={n})", core=n == 5) for n in range(10)],
    Case("priority-255", "add.apply_async((2, 3), task_id=ID, priority=255)"),
    Case("priority-negative", "add.apply_async((2, 3), task_id=ID, priority=-1)", only="redis"),
    Case("queue", "add.apply_async((2, 3), task_id=ID, queue='reports')"),
    Case("transient", "add.apply_async((2, 3), task_id=ID, delivery_mode=1)"),
    Case("shadow", "add.apply_async((2, 3), task_id=ID, shadow='nice name')"),
    Case("time-limits", "add.apply_async((2, 3), task_id=ID, time_limit=10, soft_time_limit=5.5)", core=True),
    Case("ignore-result", "add.apply_async((2, 3), task_id=ID, ignore_result=True)", core=True),
    Case("ignore-result-of-task", "quiet.apply_async(task_id=ID)"),
    Case("custom-headers", "add.apply_async((2, 3), task_id=ID, headers={'tenant': 'acme', 'n': 1, 'ratio': 0.5, "
         "'big': 2**40, 'flag': True, 'none': None, 'list': [1, 'a'], 'trace': {'id': 'é'}})", core=True),
    Case("stamps", "stamped(add.s(2, 3), tenant='acme', tags=['a', 'b']).apply_async(task_id=ID)",
         since=(5, 3), core=True),
    Case("stamped-chain", "stamped(chain(add.s(2, 3), mul.s(4)), tenant='acme').apply_async(task_id=ID)", since=(5, 3)),
    Case("origin-of-a-child", "add.apply_async((2, 3), task_id=ID, root_id='the-root', parent_id='the-parent')"),
    Case("reply-to", "add.apply_async((2, 3), task_id=ID, reply_to='my-replies', correlation_id='my-correlation')"),
    Case("more-properties", "add.apply_async((2, 3), task_id=ID, message_id='m-1', expiration=90)"),
    Case("id-is-not-a-uuid", "add.apply_async((2, 3), task_id='order/42 ü')"),
    Case("argsrepr", "add.apply_async((2, 3), task_id=ID, argsrepr='(<secret>)', kwargsrepr='{}')"),
    # Compressions and serializers.
    Case("compression-zlib", "add.apply_async((2, 3), task_id=ID, compression='zlib')", core=True),
    Case("compression-gzip", "echo.apply_async(('x' * 1000,), task_id=ID, compression='gzip')"),
    Case("compression-bzip2", "add.apply_async((2, 3), task_id=ID, compression='bzip2')"),
    Case("compression-lzma", "add.apply_async((2, 3), task_id=ID, compression='lzma')"),
    Case("compression-zstd", "add.apply_async((2, 3), task_id=ID, compression='zstd')", since=(5, 7)),
    Case("serializer-yaml", "add.apply_async((2, 3), task_id=ID, serializer='yaml')"),
    Case("serializer-msgpack", "add.apply_async((2, 3), task_id=ID, serializer='msgpack')"),
    Case("serializer-pickle", "add.apply_async((2, 3), task_id=ID, serializer='pickle')", core=True),
    # Callbacks and workflows.
    Case("link", "add.apply_async((2, 3), task_id=ID, link=mul.s(10))", core=True),
    Case("link-two", "add.apply_async((2, 3), task_id=ID, link=[mul.s(10), echo.si('done').set(queue='reports')])"),
    Case("link-error", "fail.apply_async(('no',), task_id=ID, link_error=echo.s('failed'))", core=True),
    Case("link-and-link-error", "add.apply_async((2, 3), task_id=ID, link=mul.s(10).on_error(echo.s()), "
         "link_error=[echo.s(), bare.signature('legacy.alarm')])"),
    Case("chain", "chain(add.s(1, 2), mul.s(3), echo.s()).apply_async(task_id=ID)", core=True),
    Case("chain-options", "chain(add.s(1, 2), mul.s(3).set(queue='reports', priority=3, countdown=5), "
         "echo.si('end')).apply_async(task_id=ID)"),
    Case("chain-typed-arguments",
         "chain(add.s(1, 2), echo.s(at=datetime(2030, 1, 2, tzinfo=UTC))).apply_async(task_id=ID)"),
    Case("chain-with-group", "chain(add.s(1, 2), group(mul.s(3), mul.s(4))).apply_async(task_id=ID)"),
    Case("chain-with-chord",
         "chain(add.s(1, 2), group(mul.s(3), mul.s(4)), tsum.s(), echo.s()).apply_async(task_id=ID)",
         core=True),
    Case("group", "group(add.s(1, 1), add.s(2, 2), add.s(3, 3)).apply_async(task_id=ID)", core=True),
    Case("group-of-chains", "group(chain(add.s(1, 1), mul.s(2)), add.s(2, 2)).apply_async(task_id=ID)"),
    Case("chord", "chord([add.s(1, 1), add.s(2, 2)])(tsum.s().set(task_id=ID))", core=True),
    Case("chord-with-error-callback", "chord([add.s(1, 1), fail.s('no')])(tsum.s().on_error(echo.s()))"),
    Case("chord-of-chains", "chord([chain(add.s(1, 1), mul.s(2)), add.s(2, 2)])(tsum.s())"),
    Case("map", "add.map([1, 2]).apply_async(task_id=ID)"),
    Case("starmap", "add.starmap([(1, 2), (3, 4)]).apply_async(task_id=ID)"),
    Case("chunks", "add.chunks([(1, 2), (3, 4), (5, 6)], 2).apply_async(task_id=ID)"),
    Case("partial", "add.s(3).apply_async((2,), task_id=ID)"),
    # The first message protocol, from a sender of today.
    Case("v1", "add.apply_async((2, 3), task_id=ID)", core=True, task_protocol=1),
    Case("v1-kwargs", "add.apply_async((), {'x': 2, 'y': 3}, task_id=ID)", task_protocol=1),
    Case("v1-no-args", "info.apply_async(task_id=ID)", task_protocol=1),
    Case("v1-eta-expires", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), "
         "expires=datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC))", core=True, only="redis", task_protocol=1),
    Case("v1-local-time", "add.apply_async((2, 3), task_id=ID, eta=datetime(2030, 7, 2, 3, 4, 5), countdown=None)",
         task_protocol=1, enable_utc=False, timezone="Europe/Berlin"),
    Case("v1-limits", "add.apply_async((2, 3), task_id=ID, time_limit=10, soft_time_limit=5)", task_protocol=1),
    Case("v1-link", "add.apply_async((2, 3), task_id=ID, link=mul.s(10), link_error=echo.s())", task_protocol=1),
    Case("v1-chain", "chain(add.s(1, 2), mul.s(3), echo.s()).apply_async(task_id=ID)", core=True, task_protocol=1),
    Case("v1-group", "group(add.s(1, 1), add.s(2, 2)).apply_async(task_id=ID)", task_protocol=1),
    Case("v1-chord", "chord([add.s(1, 1), add.s(2, 2)])(tsum.s())", task_protocol=1),
    Case("v1-types", "echo.apply_async((datetime(2030, 1, 2, tzinfo=UTC), 'é', 2**70), task_id=ID)", task_protocol=1),
    Case("v1-compression", "add.apply_async((2, 3), task_id=ID, compression='zlib')", task_protocol=1),
    Case("v1-pickle", "add.apply_async((2, 3), task_id=ID, serializer='pickle')", task_protocol=1),
]


class Retry:
    """A call that a real worker takes, tries and sends again; the recorded message is the worker's."""

    def __init__(self, name, how, core=False, **retry):
        self.name, self.how, self.core, self.retry = name, how, core, retry


RETRIES = [
    Retry("retry", "flaky.apply_async((2,), task_id=ID)", core=True),
    Retry("retry-with-reason", "flaky.apply_async((2,), task_id=ID)", reason="not yet"),
    Retry("retry-countdown", "flaky.apply_async((2,), task_id=ID)", core=True, countdown=90),
    Retry("retry-other-arguments", "flaky.apply_async((2,), task_id=ID)", args=[], kwargs={"times": 1}),
    Retry("retry-keeps-options", "flaky.apply_async((2,), task_id=ID, priority=4, time_limit=30, "
          "soft_time_limit=20, shadow='nice name', headers={'tenant': 'acme'})", core=True),
    Retry("retry-keeps-expires", "flaky.apply_async((2,), task_id=ID, expires=86400)"),
    Retry("retry-keeps-callbacks", "flaky.apply_async((2,), task_id=ID, link=mul.s(10), link_error=echo.s())"),
    Retry("retry-in-chain", "chain(flaky.s(2), mul.s(3)).apply_async(task_id=ID)"),
    Retry("retry-in-chord", "chord([flaky.s(2)])(tsum.s())"),
    Retry("retry-compressed", "flaky.apply_async((2,), task_id=ID, compression='zlib')"),
    Retry("retry-v1", "v1.tasks['swift.flaky'].apply_async((2,), task_id=ID)"),
]


class Result:
    """A call that a real worker runs; recorded is what it stored.

    `until` is the state to wait for (None: the worker stores nothing). `ids` are the tasks whose results are
    recorded, by default the one of the call. `prepare` is run before.
    """

    def __init__(self, name, how, until="SUCCESS", core=False, ids=None, prepare=None, since=(0,)):
        self.name, self.how, self.until, self.core, self.since = name, how, until, core, since
        self.ids, self.prepare = ids, prepare


def value(name, expression, **options):
    return Result(name, f"value.apply_async(({expression!r},), task_id=ID)", **options)


def failure(name, expression, **options):
    return Result(name, f"fail_with.apply_async(({expression!r},), task_id=ID)", until="FAILURE", **options)


RESULTS = [
    Result("success", "add.apply_async((2, 3), task_id=ID)", core=True),
    value("success-null", "None"),
    value("success-true", "True"),
    value("success-text", "'é 😀 \\ud800 \\n'"),
    value("success-float", "0.1"),
    value("success-not-finite", "[float('nan'), float('inf'), float('-inf')]"),
    value("success-big-integer", "2**70"),
    value("success-tuple", "(1, (2, 3), [])"),
    value("success-object", "{'a': [1, None], 1: 'b', None: True}"),
    value("success-types", "[datetime.datetime(2030, 1, 2, tzinfo=datetime.timezone.utc), datetime.date(2030, 1, 2), "
          "datetime.time(3, 4), decimal.Decimal('1.50'), uuid.UUID(int=5)]", core=True),
    value("success-bytes", r"[b'abc', b'\xff']", since=(5, 3)),
    value("success-unserializable", "Unserializable()", until="FAILURE"),
    Result("failure", "fail.apply_async(('no luck',), task_id=ID)", until="FAILURE", core=True),
    failure("failure-no-arguments", "ValueError()"),
    failure("failure-many-arguments", "ValueError('é 😀', 1, None, ['a'], {'b': 2.5})"),
    failure("failure-own-class", "CaptureError(42, 'text')", core=True),
    failure("failure-unserializable-argument", "ValueError('x', Unserializable())", core=True),
    failure("failure-bytes-argument", r"UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'invalid start byte')"),
    failure("failure-key-error", "KeyError(('a', 1))"),
    failure("failure-of-celery", "celery.exceptions.MaxRetriesExceededError('too often')"),
    Result("failure-with-cause", "fail_because.apply_async(task_id=ID)", until="FAILURE"),
    Result("failure-wrong-arguments", "bare.send_task('swift.add', (1,), task_id=ID)", until="FAILURE", core=True),
    Result("failure-not-registered", "bare.send_task('legacy.job', task_id=ID)", until="FAILURE", core=True),
    Result("failure-time-limit", "sleep.apply_async((30,), task_id=ID, time_limit=1)", until="FAILURE"),
    Result("failure-soft-time-limit", "sleep.apply_async((30,), task_id=ID, soft_time_limit=1)", until="FAILURE"),
    Result("ignored", "fail_with.apply_async(('Ignore()',), task_id=ID)", until=None),
    Result("rejected", "fail_with.apply_async(('Reject(\"no\")',), task_id=ID)", until=None),
    Result("ignore-result", "add.apply_async((2, 3), task_id=ID, ignore_result=True)", until=None, since=(5, 1)),
    Result("ignore-result-of-task", "quiet.apply_async(task_id=ID)", until=None, core=True),
    Result("retry", "flaky.apply_async((2,), task_id=ID)", until="RETRY", core=True),
    Result("revoked", "add.apply_async((2, 3), task_id=ID)", until="REVOKED", core=True,
           prepare="app.control.revoke(ID, reply=True, timeout=2)"),
    Result("expired", "add.apply_async((2, 3), task_id=ID, expires=datetime(2020, 1, 1, tzinfo=UTC))",
           until="REVOKED", core=True),
    Result("progress", "progress.apply_async((1,), task_id=ID)", until="PROGRESS", core=True),
    Result("children", "parent.apply_async(task_id=ID)"),
    Result("replaced", "replaced.apply_async((2,), task_id=ID)"),
    Result("link", "add.apply_async((2, 3), task_id=ID, link=mul.s(10).set(task_id='link-child'))",
           ids=["ID", "'link-child'"]),
    Result("chain", "chain(add.s(1, 2).set(task_id='chain-first'), mul.s(3)).apply_async(task_id=ID)", core=True,
           ids=["'chain-first'", "ID"]),
    Result("chain-with-group", "chain(add.s(1, 2).set(task_id='before-group'), group(mul.s(3).set(task_id='in-group'), "
           "mul.s(4))).apply_async(task_id=ID)", ids=["'before-group'", "'in-group'"]),
    Result("group", "group(add.s(1, 1).set(task_id='group-0'), add.s(2, 2).set(task_id='group-1'))"
           ".apply_async(task_id=ID).save()", core=True, ids=["'group-0'", "'group-1'"]),
    Result("chord", "chord([add.s(1, 1).set(task_id='chord-0'), add.s(2, 2).set(task_id='chord-1')])"
           "(tsum.s().set(task_id=ID))", core=True, ids=["'chord-0'", "'chord-1'", "ID"]),
    Result("chord-failed", "chord([add.s(1, 1), fail.s('no').set(task_id='chord-bad')])(tsum.s().set(task_id=ID))",
           until="FAILURE", core=True, ids=["'chord-bad'", "ID"]),
]

# With task_track_started and result_extended.
EXTENDED_RESULTS = [
    Result("extended-started", "sleep.apply_async((1,), task_id=ID)", until="STARTED", core=True),
    Result("extended-success", "add.apply_async((2,), {'y': 3}, task_id=ID, queue='celery')", core=True),
    Result("extended-failure", "fail.apply_async(('no luck',), task_id=ID)", until="FAILURE"),
    Result("extended-retry", "flaky.apply_async((2,), task_id=ID)", until="RETRY"),
    Result("extended-group-member", "group(add.s(1, 1).set(task_id='extended-group-0')).apply_async(task_id=ID)",
           ids=["'extended-group-0'"], core=True),
    Result("extended-stamped", "stamped(add.s(2, 3), tenant='acme', tags=['a', 'b']).apply_async(task_id=ID)",
           since=(5, 3)),
    Result("extended-progress", "progress.apply_async((1,), task_id=ID)", until="PROGRESS"),
    Result("extended-expired", "add.apply_async((2, 3), task_id=ID, expires=datetime(2020, 1, 1, tzinfo=UTC))",
           until="REVOKED"),
]

# With result_compression (new in 5.7).
COMPRESSED_RESULTS = [
    Result("compressed-success", "value.apply_async((\"'x' * 500\",), task_id=ID)", since=(5, 7)),
    Result("compressed-failure", "fail.apply_async(('no luck',), task_id=ID)", until="FAILURE", since=(5, 7)),
]

# With the rpc backend: the results are messages.
RPC_RESULTS = [
    Result("rpc-success", "add.apply_async((2, 3), task_id=ID)", core=True),
    Result("rpc-failure", "fail.apply_async(('no luck',), task_id=ID)", until="FAILURE", core=True),
    Result("rpc-retry", "flaky.apply_async((2,), task_id=ID)", until="RETRY"),
    Result("rpc-progress", "progress.apply_async((0,), task_id=ID)"),
    value("rpc-types", "[decimal.Decimal('1.50'), float('nan'), 2**70, 'é']"),
    Result("rpc-expired", "add.apply_async((2, 3), task_id=ID, expires=datetime(2020, 1, 1, tzinfo=UTC))",
           until="REVOKED", core=True),
]
