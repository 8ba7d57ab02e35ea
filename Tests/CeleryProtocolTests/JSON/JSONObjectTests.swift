import CeleryProtocol
import Testing

@Suite("JSON objects")
struct JSONObjectTests {
    @Test("Keys are set, replaced in place and removed")
    func subscripts() {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["b"] = 5
        object["d"] = 4
        object["a"] = nil
        object["missing"] = nil
        #expect(object.entries.map(\.key) == ["b", "c", "d"])
        #expect(object["b"] == 5)
        #expect(object["a"] == nil)
        #expect(object.count == 3)
        #expect(!object.isEmpty)
    }

    @Test("An object with many keys keeps its order and finds its keys after removals")
    func manyKeys() {
        var object = JSONObject()
        for number in 0..<100 { object["\(number)"] = .integer(number) }
        for number in stride(from: 0, to: 100, by: 2) { object["\(number)"] = nil }
        object["1"] = "one"
        #expect(object.count == 50)
        #expect(object.entries.first?.key == "1")
        #expect(object["1"] == "one")
        #expect(object["2"] == nil)
        #expect(object["99"] == 99)
    }

    @Test("Null is a value, not a missing key")
    func null() {
        let object: JSONObject = ["a": nil]
        #expect(object["a"] == .some(.null))
        #expect(object.count == 1)
    }

    @Test("Equality and hash do not depend on the order")
    func equality() {
        let one: JSONObject = ["a": 1, "b": 2]
        let other: JSONObject = ["b": 2, "a": 1]
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["a": 1, "b": 3])
        #expect(one != ["a": 1, "c": 2])
        #expect(one != ["a": 1])
    }

    @Test("An integer is not equal to a float, nor a Boolean to an integer")
    func types() {
        #expect(JSONValue.integer(1) != .double(1))
        #expect(JSONValue.bool(true) != .integer(1))
    }
}
