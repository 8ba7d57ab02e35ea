import CeleryProtocol
import Foundation
import Testing

@Suite("Decoding from JSON values")
struct JSONValueDecoderTests {
    private let decoder = JSONValueDecoder()

    @Test("Plain values are read as the type asked for")
    func scalars() throws {
        #expect(try decoder.decode(Int.self, from: 5) == 5)
        #expect(try decoder.decode(UInt64.self, from: .bigInteger("18446744073709551615")) == .max)
        #expect(try decoder.decode(Double.self, from: 5) == 5)
        #expect(try decoder.decode(Double.self, from: .bigInteger("100000000000000000000")) == 1e20)
        #expect(try decoder.decode(Float.self, from: 0.1) == 0.1)
        #expect(try decoder.decode(Bool.self, from: false) == false)
        #expect(try decoder.decode(String.self, from: "é") == "é")
        #expect(try decoder.decode(Int?.self, from: nil) == nil)
        #expect(try decoder.decode(Int?.self, from: 1) == 1)
        #expect(try decoder.decode([Double?].self, from: [1, nil, 2.5]) == [1, nil, 2.5])
        #expect(try decoder.decode([String: Int].self, from: ["a": 1]) == ["a": 1])
        #expect(try decoder.decode([Int: Int].self, from: ["1": 2]) == [1: 2])
        #expect(try decoder.decode(JSONValue.self, from: ["a": 1.0]) == ["a": 1.0])
        #expect(try decoder.decode(URL.self, from: "https://a.example").host() == "a.example")
    }

    @Test("A value of another type is an error that names both types as Python does")
    func mismatches() {
        func message(_ body: () throws -> Void) -> String? {
            do { try body() } catch DecodingError.typeMismatch(_, let context) { return context.debugDescription } catch
            {}
            return nil
        }
        #expect(message { _ = try decoder.decode(Int.self, from: "abc") } == "expected int, got str 'abc'")
        #expect(message { _ = try decoder.decode(Int.self, from: 1.0) } == "expected int, got float 1.0")
        #expect(message { _ = try decoder.decode(Int.self, from: true) } == "expected int, got bool True")
        #expect(message { _ = try decoder.decode(String.self, from: nil) } == "expected str, got None")
        #expect(message { _ = try decoder.decode(Bool.self, from: 1) } == "expected bool, got int 1")
        #expect(message { _ = try decoder.decode([Int].self, from: ["a": 1]) } == "expected list, got dict {'a': 1}")
        #expect(message { _ = try decoder.decode([String: Int].self, from: [1]) } == "expected dict, got list [1]")
        #expect(message { _ = try decoder.decode(Date.self, from: 5) } == "expected datetime, got int 5")
        #expect(message { _ = try decoder.decode(UUID.self, from: [:]) } == "expected UUID, got dict {}")
    }

    @Test("Values that do not fit are errors, never traps")
    func unfit() {
        #expect(throws: DecodingError.self) { try decoder.decode(Int8.self, from: 128) }
        #expect(throws: DecodingError.self) { try decoder.decode(UInt.self, from: -1) }
        #expect(throws: DecodingError.self) { try decoder.decode(Int.self, from: .bigInteger("9223372036854775808")) }
        let huge = JSONValue.bigInteger(String(repeating: "9", count: 400))
        #expect(throws: DecodingError.self) { try decoder.decode(Double.self, from: huge) }
        #expect(throws: DecodingError.self) { try decoder.decode(String.self, from: .surrogateString([0xD800])) }
    }

    @Test("Errors say where")
    func paths() {
        struct Inner: Decodable { var values: [Int] }
        struct Outer: Decodable { var inner: [String: Inner] }
        let value: JSONValue = ["inner": ["a": ["values": [1, "x"]]]]
        #expect {
            try decoder.decode(Outer.self, from: value)
        } throws: { error in
            guard case DecodingError.typeMismatch(_, let context) = error else { return false }
            return context.codingPath.map(\.stringValue) == ["inner", "a", "values", "1"]
        }
        #expect {
            try decoder.decode(Outer.self, from: ["inner": ["a": [:]]])
        } throws: { error in
            guard case DecodingError.keyNotFound(let key, let context) = error else { return false }
            return key.stringValue == "values" && context.codingPath.map(\.stringValue) == ["inner", "a"]
        }
    }

    @Test("Dates are read from kombu's tagged objects and from the plain strings of older senders")
    func dates() throws {
        let expected = Date(timeIntervalSince1970: 1_577_840_523.5)
        for text in ["2020-01-01T01:02:03.500000+00:00", "2020-01-01T02:02:03.5+01:00", "2020-01-01 01:02:03.5"] {
            #expect(
                try decoder.decode(Date.self, from: ["__type__": "datetime", "__value__": .string(text)]) == expected
            )
            #expect(try decoder.decode(Date.self, from: .string(text)) == expected)
        }
        let midnight = Date(timeIntervalSince1970: 1_577_836_800)
        #expect(try decoder.decode(Date.self, from: ["__type__": "date", "__value__": "2020-01-01"]) == midnight)
        #expect(try decoder.decode(Date.self, from: "2020-01-01T00:00:00Z") == midnight)
        for bad: JSONValue in [
            "", "tomorrow", ["__type__": "datetime", "__value__": "x"], ["__type__": "x", "__value__": 1],
        ] {
            #expect(throws: DecodingError.self) { try decoder.decode(Date.self, from: bad) }
        }
    }

    @Test("UUIDs are read from kombu's tagged objects and from text")
    func uuids() throws {
        let expected = UUID(uuidString: "01234567-89AB-CDEF-0123-456789ABCDEF")
        let hex: JSONValue = "0123456789abcdef0123456789abcdef"
        #expect(try decoder.decode(UUID.self, from: ["__type__": "uuid", "__value__": ["hex": hex]]) == expected)
        #expect(try decoder.decode(UUID.self, from: hex) == expected)
        #expect(try decoder.decode(UUID.self, from: "01234567-89ab-cdef-0123-456789abcdef") == expected)
        for bad: JSONValue in ["", "0123", "g123456789abcdef0123456789abcdef", ["__type__": "uuid", "__value__": hex]] {
            #expect(throws: DecodingError.self) { try decoder.decode(UUID.self, from: bad) }
        }
    }

    @Test("Decimals are read from kombu's tagged objects, from text and from numbers")
    func decimals() throws {
        let expected = try #require(Decimal(string: "1.5"))
        for value: JSONValue in [
            ["__type__": "decimal", "__value__": "1.50"], "1.50", 1.5, ["__type__": "decimal", "__value__": 1.5],
        ] {
            #expect(try decoder.decode(Decimal.self, from: value) == expected)
        }
        #expect(try decoder.decode(Decimal.self, from: 2) == 2)
        #expect(try decoder.decode(Decimal.self, from: "NaN").isNaN)
        for bad: JSONValue in ["x", "Infinity", "1e500", true, [1]] {
            #expect(throws: DecodingError.self) { try decoder.decode(Decimal.self, from: bad) }
        }
    }

    @Test(
        "A decimal that is not equal to one of Swift's is refused, not rounded",
        arguments: [
            "340282366920938463463374607431768211456", "0.1234567890123456789012345678901234567891", "1E+200", "1E-200",
            "1E+128", "1E+999999999999", "Infinity", "-Infinity", "sNaN", "NaN123", "-NaN",
            "12345678901234567890123456789012345678901234567890.5",
        ])
    func unfitDecimals(text: String) throws {
        let value: JSONValue = ["__type__": "decimal", "__value__": .string(text)]
        for value in [value, .string(text)] {
            #expect(throws: DecodingError.self) { try decoder.decode(Decimal.self, from: value) }
            // Its digits are kept where that is asked for.
            #expect(try decoder.decode(PythonDecimal.self, from: value).text == text)
        }
        #expect(try JSONValueEncoder().encode(try decoder.decode(PythonDecimal.self, from: value)) == value)
    }

    @Test(
        "A decimal that fits stays equal, and keeps all its digits as a PythonDecimal",
        arguments: [
            "12.50", "0.00", "-0", "1E+3", "-1.10", "1000", "0.000001", "1E-7",
            "99999999999999999999999999999999999999",
            "1E+127", "1E-128", "-340282366920938463463374607431768211455",
            "100000000000000000000000000000000000000000",
            "12.5000000000000000000000000000000000000000000000",
        ])
    func fittingDecimals(text: String) throws {
        let value: JSONValue = ["__type__": "decimal", "__value__": .string(text)]
        let decimal = try decoder.decode(Decimal.self, from: value)
        #expect(try decoder.decode(Decimal.self, from: JSONValueEncoder().encode(decimal)) == decimal)
        #expect(PythonDecimal(decimal).decimal == decimal)
        #expect(decimal == Decimal(string: text))
        let exact = try decoder.decode([PythonDecimal].self, from: [value])
        #expect(exact.map(\.text) == [text])
        #expect(try JSONValueEncoder().encode(exact) == [value])
        #expect(try JSONDecoder().decode(PythonDecimal.self, from: JSONEncoder().encode(exact[0])) == exact[0])
    }

    @Test("A number is refused where it would become an infinity")
    func floats() throws {
        #expect(throws: DecodingError.self) { try decoder.decode(Float.self, from: 1e300) }
        #expect(try decoder.decode(Float.self, from: .double(.infinity)) == .infinity)
    }

    @Test("Bytes are read from kombu's tagged objects and from text")
    func bytes() throws {
        #expect(try decoder.decode(Data.self, from: ["__type__": "bytes", "__value__": "aé"]) == Data("aé".utf8))
        #expect(
            try decoder.decode(Data.self, from: ["__type__": "base64", "__value__": "//4="]) == Data([0xFF, 0xFE])
        )
        #expect(try decoder.decode(Data.self, from: "aé") == Data("aé".utf8))
        #expect(throws: DecodingError.self) {
            try decoder.decode(Data.self, from: ["__type__": "base64", "__value__": "//4"])
        }
    }

    @Test("A dictionary of a hundred thousand keys is decoded without quadratic time", .timeLimit(.minutes(1)))
    func manyKeys() throws {
        var object = JSONObject()
        for number in 0..<100_000 { object["\(number)"] = .integer(number) }
        #expect(try decoder.decode([String: Int].self, from: .object(object)).count == 100_000)
        #expect(try decoder.decode([Int: Int].self, from: .object(object))[99_999] == 99_999)
    }

    @Test("JSON values work with Foundation's coders as far as these go")
    func otherCoders() throws {
        let value: JSONValue = ["a": [1, 2.5, "x", nil, true], "b": ["c": .bigInteger("18446744073709551615")]]
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(JSONValue.self, from: data) == value)
        let long = JSONValue.bigInteger("123456789012345678901234567890")
        #expect(try String(decoding: JSONEncoder().encode([long]), as: UTF8.self) == "[123456789012345678901234567890]")
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(JSONValue.surrogateString([0xD800])) }
    }

    @Test("A list that ends early is an error for types that read it by hand")
    func shortList() {
        struct Pair: Decodable {
            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                _ = try container.decode(Int.self)
                _ = try container.decode(Int.self)
            }
        }
        #expect(throws: DecodingError.self) { try decoder.decode(Pair.self, from: [1]) }
        #expect(throws: Never.self) { try decoder.decode(Pair.self, from: [1, 2]) }
    }
}
