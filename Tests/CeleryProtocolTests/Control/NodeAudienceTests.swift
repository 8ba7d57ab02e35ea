import CeleryProtocol
import Testing

struct NodeAudienceTests {
    /// What Python's `fnmatch` says of each.
    @Test(arguments: [
        ("*", "w1@h", true), ("", "w1@h", false), ("w?@h", "w1@h", true), ("w?@h", "w12@h", false),
        ("w[12]@*", "w2@host", true), ("w[12]@*", "w3@host", false), ("w[!12]@*", "w3@host", true),
        ("w[a-c]", "wb", true), ("w[a-c]", "wd", false), ("[]]", "]", true), ("[!]]", "]", false), ("[", "[", true),
        ("w[1", "w[1", true), ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false), ("*@h", "w1@h", true),
        ("W1@h", "w1@h", false), ("[c-a]", "b", false), ("a[-]b", "a-b", true), ("**", "", true),
    ])
    func aShellPatternIsWhatPythonsIs(pattern: String, node: String, isMatch: Bool) throws {
        #expect(try NodeAudience.glob(pattern).includes(node) == isMatch)
    }

    @Test func aLongPatternTakesNoTimeWithoutEnd() throws {
        let pattern = String(repeating: "a*", count: 200) + "b"
        #expect(try !NodeAudience.glob(pattern).includes(String(repeating: "a", count: 2000)))
    }

    @Test func aRegularExpressionMatchesFromTheBeginning() throws {
        #expect(try NodeAudience.regularExpression("w\\d").includes("w1@h"))
        #expect(try !NodeAudience.regularExpression("1@h").includes("w1@h"))
        #expect(throws: MessageError.self) { try NodeAudience.regularExpression("(").includes("w1@h") }
    }

    @Test func namesAreThemselves() throws {
        #expect(try NodeAudience.named(["a@h", "w1@h"]).includes("w1@h"))
        #expect(try !NodeAudience.named(["a@h"]).includes("w1@h"))
        #expect(try NodeAudience.all.includes("w1@h"))
    }
}
