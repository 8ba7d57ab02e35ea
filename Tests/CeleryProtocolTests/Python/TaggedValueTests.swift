import CeleryProtocol
import Testing

@Suite("kombu's tagged values")
struct TaggedValueTests {
    @Test(
        "Values that kombu decodes are accepted, in any depth",
        arguments: [
            #"{"__type__": "datetime", "__value__": "2020-01-01T01:02:03.000004"}"#,
            #"{"__value__": "2020-01-01", "__type__": "date"}"#,
            #"{"__type__": "date", "__value__": "2020-01-01T10:00"}"#,
            #"{"__type__": "time", "__value__": "01:02:03"}"#, #"{"__type__": "time", "__value__": "T01:02Z"}"#,
            #"{"__type__": "decimal", "__value__": "1.50"}"#, #"{"__type__": "decimal", "__value__": 2}"#,
            #"{"__type__": "uuid", "__value__": {"hex": "00000000-0000-0000-0000-000000000005"}}"#,
            #"{"__type__": "bytes", "__value__": "abc"}"#, #"{"__type__": "base64", "__value__": "//4="}"#,
            #"{"__type__": "foo", "__value__": 1, "extra": 2}"#, #"{"__type__": "foo"}"#, #"{"__value__": 1}"#,
            #"{"__type__": 1, "value": 1}"#, #"{"a": 1}"#,
        ]
    )
    func accepted(_ text: String) throws {
        let nested = "[1, {\"a\": [\(text)]}]"
        #expect(try JSONValue(kombuJSON: Array(nested.utf8)) == JSONValue(json: nested))
    }

    @Test(
        "One value that kombu cannot decode spoils the document",
        arguments: [
            #"{"__type__": "foo", "__value__": 1}"#, #"{"__type__": null, "__value__": 1}"#,
            #"{"__type__": ["uuid"], "__value__": 1}"#, #"{"__type__": "datetime", "__value__": 5}"#,
            #"{"__type__": "datetime", "__value__": ""}"#, #"{"__type__": "datetime", "__value__": "2020-13-01"}"#,
            #"{"__type__": "time", "__value__": "25:00"}"#, #"{"__type__": "date", "__value__": "2020"}"#,
            #"{"__type__": "decimal", "__value__": "one"}"#, #"{"__type__": "decimal", "__value__": null}"#,
            #"{"__type__": "uuid", "__value__": "00000000000000000000000000000005"}"#,
            #"{"__type__": "uuid", "__value__": {"hex": "5"}}"#, #"{"__type__": "uuid", "__value__": {}}"#,
            #"{"__type__": "bytes", "__value__": [1]}"#, #"{"__type__": "bytes", "__value__": "\ud800"}"#,
            #"{"__type__": "base64", "__value__": "a"}"#, #"{"__type__": "base64", "__value__": "QUI"}"#,
            #"{"__type__": "datetime", "__value__": {"__type__": "datetime", "__value__": "2020-01-01"}}"#,
            #"{"\u005f_type__": "foo", "__value__": 1}"#,
        ]
    )
    func refused(_ text: String) throws {
        for document in [text, "[1, {\"a\": [\(text)]}]"] {
            #expect(throws: PythonValueError.self) { try JSONValue(kombuJSON: Array(document.utf8)) }
        }
        #expect(throws: Never.self) { try JSONValue(json: text) }
    }
}
