import CeleryProtocol
import Testing

/// What stands for a text where one is expected.
@Suite struct JSONValueTextTests {
    static func tagged(_ type: String, _ value: JSONValue) -> JSONValue {
        ["__type__": .string(type), "__value__": value]
    }

    static let hex: JSONValue = ["hex": "0A0B0C0D-0000-4000-8000-000000000005"]

    @Test(
        arguments: [
            ("plain", "plain"), ("", ""), (tagged("uuid", hex), "0a0b0c0d-0000-4000-8000-000000000005"),
            (tagged("datetime", "2030-01-02 03:04:05.6Z"), "2030-01-02T03:04:05.600000+00:00"),
            (tagged("datetime", "2030-01-02T03:04"), "2030-01-02T03:04:00"), (tagged("date", "20300102"), "2030-01-02"),
            (tagged("time", "01:02:03"), "01:02:03"), (tagged("decimal", "12.50"), "12.50"),
            (tagged("decimal", 5), "5"), (tagged("bytes", "caf\u{e9}"), "caf\u{e9}"),
            (tagged("base64", "Y2Fmw6k="), "caf\u{e9}"),
        ] as [(JSONValue, String)])
    func taggedValuesHaveATextAsStringsHave(value: JSONValue, text: String) throws {
        #expect(value.text == text)
        #expect(try value.id(named: "id") == (text.isEmpty ? nil : text))
    }

    @Test(
        arguments: [
            5, 1.5, true, ["x"], ["a": 1], .surrogateString([0x61, 0xD800]), tagged("uuid", "0a0b"),
            tagged("uuid", ["hex": "5"]), tagged("set", "x"), tagged("base64", "//4="), tagged("bytes", [1]),
            tagged("datetime", "tomorrow"), ["__type__": "bytes", "__value__": "x", "more": 1],
        ] as [JSONValue])
    func anIdThatCannotBeReadIsAnErrorThatNamesIt(value: JSONValue) {
        #expect(value.text == nil)
        let error = #expect(throws: MessageError.self) { try value.id(named: "root_id") }
        #expect(error?.code == .invalidTask)
        #expect(error?.reason.hasPrefix("invalid root_id value ") == true)
        #expect(error?.reason.hasSuffix(PythonRepr.quoted(value)) == true)
    }

    /// As in Celery, where `root_id or task_id` is written.
    @Test(arguments: [nil, false, 0, 0.0, "", [], [:]] as [JSONValue]) func anythingEmptyIsNoId(value: JSONValue) throws
    {
        #expect(try value.id(named: "id") == nil)
    }

    @Test func theTextsOfAResultMayBeTagged() throws {
        let meta: JSONValue = [
            "status": "FAILURE", "task_id": Self.tagged("uuid", Self.hex), "parent_id": Self.tagged("bytes", "p"),
            "group_id": Self.tagged("uuid", Self.hex), "date_done": Self.tagged("datetime", "2030-01-02T03:04:05"),
            "traceback": Self.tagged("bytes", "trace"),
            "result": ["exc_type": Self.tagged("bytes", "KeyError"), "exc_message": ["k"]],
        ]
        let result = try TaskResult(encoded: meta.serialized())
        #expect(result.id == "0a0b0c0d-0000-4000-8000-000000000005")
        #expect(result.parentID == "p")
        #expect(result.groupID == result.id)
        #expect(result.dateDone == "2030-01-02T03:04:05")
        #expect(result.traceback == "trace")
        #expect(result.failure?.type == "KeyError")
    }
}
