import CeleryProtocol
import Foundation
import Testing

@Suite("Encoding into JSON values")
struct JSONValueEncoderTests {
    private let encoder = JSONValueEncoder()

    private struct Image: Codable, Equatable {
        enum Format: String, Codable { case png, jpeg }
        struct Size: Codable, Equatable {
            var width: Int
            var height: Double
        }
        var path: String
        var format: Format
        var size: Size?
        var tags: [String]
        var note: String?
    }

    @Test("Plain values become the values they are")
    func scalars() throws {
        #expect(try encoder.encode(true) == true)
        #expect(try encoder.encode(5) == 5)
        #expect(try encoder.encode(UInt8(5)) == 5)
        #expect(try encoder.encode(UInt64.max) == .bigInteger("18446744073709551615"))
        #expect(try encoder.encode(Int128.min) == .bigInteger("-170141183460469231731687303715884105728"))
        #expect(try encoder.encode(1.0) == 1.0)
        #expect(try encoder.encode(Float(0.1)) == 0.1)
        #expect(try encoder.encode(Double.infinity) == .double(.infinity))
        #expect(try encoder.encode("é") == "é")
        #expect(try encoder.encode(Int?.none) == nil)
        #expect(try encoder.encode(Int?.some(3)) == 3)
        #expect(try encoder.encode(Int??.some(nil)) == nil)
        #expect(try encoder.encode(URL(string: "https://a.example/b")) == "https://a.example/b")
    }

    @Test("Arrays and dictionaries become arrays and objects with sorted keys")
    func collections() throws {
        #expect(try encoder.encode([1, nil, 3]) == [1, nil, 3])
        #expect(try encoder.encode([[Int]]()) == [])
        let value = try encoder.encode(["b": [1], "a": [], "c": [2, 3]])
        #expect(value.description == #"{"a": [], "b": [1], "c": [2, 3]}"#)
        #expect(try encoder.encode([7: "x"]) == ["7": "x"])
        #expect(try encoder.encode(Set([5])) == [5])
    }

    @Test("A structure becomes an object with its keys in order, without the missing ones")
    func structure() throws {
        let image = Image(path: "/a", format: .png, size: .init(width: 3, height: 4), tags: ["x"])
        let value = try encoder.encode(image)
        #expect(
            value.description
                == #"{"path": "/a", "format": "png", "size": {"width": 3, "height": 4.0}, "tags": ["x"]}"#
        )
        #expect(try JSONValueDecoder().decode(Image.self, from: value) == image)
    }

    @Test("JSON values pass unchanged, inside other types too")
    func jsonValues() throws {
        struct Box: Codable, Equatable {
            var value: JSONValue
            var object: JSONObject
        }
        let value: JSONValue = [
            nil, 1, 1.0, .bigInteger("123456789012345678901234567890"), .surrogateString([0xD800]), ["b": 1, "a": nil],
        ]
        let box = Box(value: value, object: ["z": value, "a": 1])
        let encoded = try encoder.encode(box)
        #expect(encoded == ["value": value, "object": ["z": value, "a": 1]])
        #expect(try JSONValueDecoder().decode(Box.self, from: encoded) == box)
    }

    @Test("Foundation's types become the objects that kombu tags")
    func taggedTypes() throws {
        let date = Date(timeIntervalSince1970: 1_577_840_523.000004)
        #expect(
            try encoder.encode(date) == ["__type__": "datetime", "__value__": "2020-01-01T01:02:03.000004+00:00"]
        )
        #expect(
            try encoder.encode(Date(timeIntervalSince1970: 0))
                == ["__type__": "datetime", "__value__": "1970-01-01T00:00:00+00:00"]
        )
        let uuid = try #require(UUID(uuidString: "01234567-89AB-CDEF-0123-456789ABCDEF"))
        #expect(
            try encoder.encode(uuid) == ["__type__": "uuid", "__value__": ["hex": "0123456789abcdef0123456789abcdef"]]
        )
        #expect(
            try encoder.encode(Decimal(string: "-12.75")) == ["__type__": "decimal", "__value__": "-12.75"]
        )
        #expect(try encoder.encode(Data("aé".utf8)) == ["__type__": "bytes", "__value__": "aé"])
        #expect(try encoder.encode(Data([0xFF, 0xFE])) == ["__type__": "base64", "__value__": "//4="])
        #expect(try encoder.encode([Date?.none, nil]) == [nil, nil])
    }

    @Test(
        "Dates that Python cannot hold are errors that can be printed",
        arguments: [.infinity, -.infinity, .nan, 1e15, -1e11]
    )
    func datesOutOfRange(_ seconds: Double) {
        #expect {
            try encoder.encode(Date(timeIntervalSince1970: seconds))
        } throws: { error in
            "\(error)".contains("outside the years 1 to 9999")
        }
    }

    @Test("Nested containers and super encoders of hand-written types are kept")
    func nestedContainers() throws {
        struct Hand: Encodable {
            enum Keys: String, CodingKey { case list, object, empty }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Keys.self)
                var list = container.nestedUnkeyedContainer(forKey: .list)
                try list.encode(1)
                try list.encodeNil()
                var inner = list.nestedContainer(keyedBy: Keys.self)
                try inner.encode("x", forKey: .object)
                var innermost = list.nestedUnkeyedContainer()
                try innermost.encode(true)
                _ = container.nestedContainer(keyedBy: Keys.self, forKey: .empty)
                try container.encodeNil(forKey: .object)
                try 5.encode(to: container.superEncoder())
            }
        }
        let value = try encoder.encode(Hand())
        #expect(
            value.description
                == #"{"list": [1, null, {"object": "x"}, [true]], "empty": {}, "object": null, "super": 5}"#
        )
    }

    @Test("A type that encodes nothing is an error")
    func nothing() {
        struct Nothing: Encodable { func encode(to encoder: any Encoder) {} }
        #expect(throws: EncodingError.self) { try encoder.encode(Nothing()) }
    }
}
