import CeleryProtocol
import Testing

@Suite struct ResultTreeTests {
    @Test func treesAreReadAndWrittenAsCelerysTuples() throws {
        let text = """
            [["g", [["b", [["a", null], null]], null]], [[["x", null], null], [["h", null], [[["y", null], null]]]]]
            """
        let tree = try ResultTree(try JSONValue(json: text))
        #expect(tree.id == "g" && tree.members?.map(\.id) == ["x", "h"])
        #expect(tree.ancestors.map(\.id) == ["b", "a"])
        #expect(tree.parent == ResultTree(task: "b", ancestors: [ResultTree(task: "a")]))
        #expect(try tree.json.description == text)
    }

    @Test func anIDMayStandWithoutItsBrackets() throws {
        #expect(try ResultTree(["a", nil]) == ResultTree(task: "a"))
        #expect(try ResultTree(["g", []]) == ResultTree(group: "g", members: []))
    }

    @Test(arguments: [
        "null", "5", "[]", "[1, null]", #"["a"]"#, #"[["a"], null]"#, #"["a", {}]"#, #"[["a", 5], null]"#,
    ])
    func whatIsNoTreeIsAnError(text: String) throws {
        let json = try JSONValue(json: text)
        let error = #expect(throws: MessageError.self) { try ResultTree(json) }
        #expect(error?.code == .undecodable)
    }

    @Test func aTreeThatNobodyCouldReadIsNotWritten() throws {
        let ancestors = (0..<1000).map { ResultTree(task: "\($0)") }
        #expect(throws: MessageError.self) { try ResultTree(task: "last", ancestors: ancestors).json }
        let readable = ResultTree(task: "last", ancestors: Array(ancestors.prefix(200)))
        #expect(try ResultTree(JSONValue(json: readable.json.description)) == readable)
    }
}
