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

    @Test("Many keys are removed at once", arguments: [4, 40, 400])
    func removals(count: Int) {
        var object = JSONObject()
        for number in 0..<count { object["\(number)"] = .integer(number) }
        object.removeAll { key, value in key.hasSuffix("1") || value == 2 }
        #expect(object["1"] == nil)
        #expect(object["2"] == nil)
        #expect(object["\(count - 1)"] == .integer(count - 1))
        object["1"] = "one"
        #expect(object.entries.last?.key == "1")
        object.removeAll { _, _ in true }
        #expect(object.isEmpty)
        object["1"] = 1
        #expect(object["1"] == 1)
    }

    @Test("The work grows as the number of keys does")
    func growth() throws {
        expectLinear(2000) { count in
            var object = JSONObject()
            for number in 0..<count { object["x-first-death-\(number)"] = .integer(number) }
            object.removeAll { key, _ in key.hasPrefix("x-first-death-") }
            #expect(object.isEmpty)
        }
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
