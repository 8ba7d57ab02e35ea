import CeleryProtocol
import Testing

@Suite("Python's repr")
struct PythonReprTests {
    @Test(
        "Values are shown as Python shows what it decodes",
        arguments: [
            ("null", "None"), ("true", "True"),
            (
                "[false, 1, -2, 1.0, 1e16, 123456789012345678901234567890]",
                "[False, 1, -2, 1.0, 1e+16, 123456789012345678901234567890]"
            ),
            ("[NaN, Infinity, -Infinity]", "[nan, inf, -inf]"), ("{}", "{}"),
            (#"{"a": [], "b": {"c": null}}"#, "{'a': [], 'b': {'c': None}}"),
            (#""it's""#, #""it's""#), (#""say \"hi\"""#, #"'say "hi"'"#), (#""it's \"x\"""#, #"'it\'s "x"'"#),
            (#""a\\b\n\r\t\u0000\u001b\u007f""#, #"'a\\b\n\r\t\x00\x1b\x7f'"#), (#""é☃😀""#, "'é☃😀'"),
            (#""\u00a0\u00ad\u200b\u2028\ud800\ue000\udb40\udc01""#, #"'\xa0\xad\u200b\u2028\ud800\ue000\U000e0001'"#),
            (#"{"\ud800": 1}"#, #"{'\ud800': 1}"#),
            (
                #"{"__type__": "datetime", "__value__": "2020-01-01T00:00:00+00:00"}"#,
                "datetime.datetime(2020, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"
            ),
            (
                #"{"__type__": "datetime", "__value__": "2020-01-02T03:04:05.000006"}"#,
                "datetime.datetime(2020, 1, 2, 3, 4, 5, 6)"
            ),
            (
                #"{"__type__": "datetime", "__value__": "2020-01-02T03:04:05-05:30"}"#,
                "datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))"
            ),
            (#"{"__type__": "date", "__value__": "2020-01-02"}"#, "datetime.date(2020, 1, 2)"),
            (#"{"__type__": "time", "__value__": "03:04:00.5"}"#, "datetime.time(3, 4, 0, 500000)"),
            (
                #"{"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000005"}}"#,
                "UUID('00000000-0000-0000-0000-000000000005')"
            ),
            (#"{"__type__": "decimal", "__value__": "1.50"}"#, "Decimal('1.50')"),
            (#"{"__type__": "decimal", "__value__": "1e5"}"#, "Decimal('1E+5')"),
            (#"{"__type__": "decimal", "__value__": "-0.0000001"}"#, "Decimal('-1E-7')"),
            (#"{"__type__": "decimal", "__value__": "0e3"}"#, "Decimal('0E+3')"),
            (#"{"__type__": "decimal", "__value__": "-inf"}"#, "Decimal('-Infinity')"),
            (#"{"__type__": "decimal", "__value__": "snan007"}"#, "Decimal('sNaN7')"),
            (#"{"__type__": "bytes", "__value__": "a'é\n"}"#, #"b"a'\xc3\xa9\n""#),
            (#"{"__type__": "base64", "__value__": "/wA="}"#, #"b'\xff\x00'"#),
            (#"{"__type__": "uuid", "__value__": "x"}"#, "{'__type__': 'uuid', '__value__': 'x'}"),
        ]
    )
    func values(_ text: String, _ expected: String) throws {
        #expect(try PythonRepr.repr(of: JSONValue(json: text)) == expected)
    }
}

/// Expected texts are what `celery.utils.saferepr` of Celery 5.7 gives.
@Suite("Celery's saferepr")
struct SafeReprTests {
    @Test("Arguments are shown as a tuple")
    func arguments() {
        #expect(PythonRepr.saferepr(arguments: []) == "()")
        #expect(PythonRepr.saferepr(arguments: [1]) == "(1,)")
        #expect(PythonRepr.saferepr(arguments: [2, 3]) == "(2, 3)")
        #expect(PythonRepr.saferepr(arguments: ["it's", nil, true, 1.5]) == #"('it\'s', None, True, 1.5)"#)
        #expect(PythonRepr.saferepr(["a": [1, 2]]) == "{'a': [1, 2]}")
        #expect(PythonRepr.saferepr([:]) == "{}")
    }

    @Test("Only quotes are escaped in strings")
    func strings() {
        #expect(PythonRepr.saferepr(arguments: ["a\nb\\\"é"]) == "('a\nb\\\"é',)")
    }

    @Test("Containers below the third level are not shown")
    func levels() {
        #expect(PythonRepr.saferepr(arguments: [[[[1]], ["a": [:]], []]]) == "([[[...]], {'a': {...}}, []],)")
        #expect(PythonRepr.saferepr([["a": ["b": 1]]]) == "[{'a': {'b': 1}}]")
    }

    @Test("Text beyond the limit is cut and the brackets are closed", arguments: saferepr)
    func cut(_ length: Int, _ expected: String) {
        let value: JSONValue = ["key": ["a b", 12345, ["x": [1]]], "other": "some more text"]
        #expect(PythonRepr.saferepr(value, maximumLength: length) == expected)
    }

    @Test("Long arguments are cut at 1024 characters")
    func longArguments() {
        let text = PythonRepr.saferepr(arguments: [.string(String(repeating: "x", count: 5000)), 2])
        #expect(text == "('" + String(repeating: "x", count: 1023) + "...', ...)")
        let many = PythonRepr.saferepr(arguments: (0..<10_000).map { .integer($0) })
        #expect(many.hasSuffix(", ...)"))
        #expect(many.count < 1050)
    }

    @Test("Tagged values are shown as Python objects, bytes as text")
    func tagged() throws {
        let value = try JSONValue(
            json: #"""
                [{"__type__": "uuid", "__value__": {"hex": "00000000000000000000000000000005"}},
                 {"__type__": "decimal", "__value__": "1.50"}, {"__type__": "bytes", "__value__": "a\nb"},
                 {"__type__": "base64", "__value__": "//4="}]
                """#
        )
        #expect(
            PythonRepr.saferepr(value)
                == "[UUID('00000000-0000-0000-0000-000000000005'), Decimal('1.50'), b'a\nb', b'fffe']"
        )
    }
}

private let saferepr: [(Int, String)] = [
    (1, #"{, ...}"#),
    (2, #"{'k...', ...}"#),
    (3, #"{'ke...', ...}"#),
    (5, #"{'key', ...}"#),
    (8, #"{'key': , ...}"#),
    (9, #"{'key': [, ...]}"#),
    (10, #"{'key': ['a...', ...]}"#),
    (12, #"{'key': ['a...', ...]}"#),
    (14, #"{'key': ['a b', ...]}"#),
    (16, #"{'key': ['a b', , ...]}"#),
    (20, #"{'key': ['a b', 1234..., ...]}"#),
    (22, #"{'key': ['a b', 12345, , ...]}"#),
    (24, #"{'key': ['a b', 12345, {, ...}]}"#),
    (28, #"{'key': ['a b', 12345, {'x': , ...}]}"#),
    (31, #"{'key': ['a b', 12345, {'x': [...]}], ...}"#),
    (33, #"{'key': ['a b', 12345, {'x': [...]}], ...}"#),
    (40, #"{'key': ['a b', 12345, {'x': [...]}], 'ot...', ...}"#),
    (45, #"{'key': ['a b', 12345, {'x': [...]}], 'other', ...}"#),
    (50, #"{'key': ['a b', 12345, {'x': [...]}], 'other': 'som...'}"#),
    (60, #"{'key': ['a b', 12345, {'x': [...]}], 'other': 'some more...'}"#),
    (100, #"{'key': ['a b', 12345, {'x': [...]}], 'other': 'some more text'}"#),
]
