import CeleryProtocol
import Testing

@testable import Celery

/// The texts were printed by Python 3.11.
@Suite struct ArgumentBindingTests {
    struct Call: Sendable, CustomTestStringConvertible {
        let parameters: String
        let args: [JSONValue]
        var kwargs: JSONObject = [:]
        let error: String

        var testDescription: String { "f(\(parameters)) called with \(args) \(kwargs)" }
    }

    /// Parameters separated by commas; `=` marks one with a default.
    static func parameters(_ text: String) -> [ArgumentBinding.Parameter] {
        text.split(separator: ",").map { part in
            ArgumentBinding.Parameter(name: String(part.prefix { $0 != "=" }), isOptional: part.hasSuffix("="))
        }
    }

    @Test(arguments: [
        Call(parameters: "x,y", args: [1, 2, 3], error: "f() takes 2 positional arguments but 3 were given"),
        Call(parameters: "x", args: [1, 2], error: "f() takes 1 positional argument but 2 were given"),
        Call(parameters: "x=", args: [1, 2], error: "f() takes from 0 to 1 positional arguments but 2 were given"),
        Call(
            parameters: "x,y=", args: [1, 2, 3], error: "f() takes from 1 to 2 positional arguments but 3 were given"),
        Call(parameters: "", args: [1], error: "f() takes 0 positional arguments but 1 was given"),
        Call(parameters: "", args: [1, 2], error: "f() takes 0 positional arguments but 2 were given"),
        Call(parameters: "x", args: [], error: "f() missing 1 required positional argument: 'x'"),
        Call(parameters: "x,y", args: [], error: "f() missing 2 required positional arguments: 'x' and 'y'"),
        Call(parameters: "a,b,c", args: [], error: "f() missing 3 required positional arguments: 'a', 'b', and 'c'"),
        Call(
            parameters: "a,b,c", args: [], kwargs: ["c": 1],
            error: "f() missing 2 required positional arguments: 'a' and 'b'"),
        Call(
            parameters: "x,y=", args: [], kwargs: ["y": 3], error: "f() missing 1 required positional argument: 'x'"),
        Call(parameters: "x,y", args: [1], kwargs: ["x": 2], error: "f() got multiple values for argument 'x'"),
        Call(parameters: "x,y", args: [1], kwargs: ["z": 2], error: "f() got an unexpected keyword argument 'z'"),
        Call(
            parameters: "x,y", args: [1, 2, 3], kwargs: ["z": 1],
            error: "f() got an unexpected keyword argument 'z'"),
        Call(
            parameters: "a,b,c", args: [1, 2, 3, 4], kwargs: ["a": 1],
            error: "f() got multiple values for argument 'a'"),
    ])
    func aCallThatDoesNotFitFailsInPythonsWords(call: Call) {
        let error = #expect(throws: TaskFailure.self) {
            try ArgumentBinding(
                task: "module.f", parameters: Self.parameters(call.parameters), args: call.args, kwargs: call.kwargs)
        }
        #expect(error?.type == "TypeError")
        #expect(error?.module == "builtins")
        #expect(error?.message == call.error)
    }

    @Test(
        arguments: [
            ([1, 2], [:], [1, 2, 30]), ([1], ["y": 2], [1, 2, 30]), ([], ["y": 2, "x": 1], [1, 2, 30]),
            ([1], [:], [1, 20, 30]), ([1], ["z": 3], [1, 20, 3]), ([1, 2, 3], [:], [1, 2, 3]),
            ([], ["z": 3, "x": 1], [1, 20, 3]),
        ] as [([JSONValue], JSONObject, [Int])])
    func positionalKeywordAndDefaultArgumentsMix(args: [JSONValue], kwargs: JSONObject, expected: [Int]) throws {
        let binding = try ArgumentBinding(
            task: "f", parameters: Self.parameters("x,y=,z="), args: args, kwargs: kwargs)
        var position = 0
        let x: Int = try binding.value(Parameter("x", as: Int.self), at: &position)
        let y: Int = try binding.value(Parameter("y", default: 20), at: &position)
        let z: Int = try binding.value(Parameter("z", default: 30), at: &position)
        #expect([x, y, z] == expected)
        #expect(position == 3)
    }

    @Test func nullIsAValueAndNotAMissingArgument() throws {
        let binding = try ArgumentBinding(task: "f", parameters: Self.parameters("x="), args: [nil], kwargs: [:])
        var position = 0
        let value: Int? = try binding.value(Parameter("x", default: 5 as Int?), at: &position)
        #expect(value == nil)
    }

    @Test func anArgumentOfAnotherTypeIsATypeErrorThatNamesIt() throws {
        let binding = try ArgumentBinding(
            task: "m.f", parameters: Self.parameters("x,y"), args: [1, ["a": ["no"]]], kwargs: [:])
        var position = 1
        let error = #expect(throws: TaskFailure.self) {
            let _: [String: [Int]] = try binding.value(Parameter("y", as: [String: [Int]].self), at: &position)
        }
        #expect(error?.type == "TypeError")
        #expect(error?.message.hasPrefix("f() argument 'y': a.") == true, "\(error?.message ?? "none")")
    }
}
