import Celery
import CeleryProtocol
import Foundation
import Testing

/// What `then` makes of the steps that `composed` in `canvas_cases.py` joins by `|`.
struct ComposedCanvasTests {
    /// A workflow so far.
    private enum Workflow {
        case one(Signature<JSONValue>)
        case group(GroupSignature<JSONValue>)

        func canvas() throws -> CanvasNode {
            switch self {
            case .one(let signature): try signature.canvas()
            case .group(let group): try group.canvas()
            }
        }
    }

    /// What one goes on with.
    private enum Sequel<Input: Sendable> {
        case one(Partial<Input, JSONValue>)
        case group(GroupPartial<Input, JSONValue>)
    }

    /// Numbers the tasks.
    private struct Steps {
        private var count = 0

        private mutating func number() -> [JSONValue] {
            count += 1
            return [.integer(count)]
        }

        private mutating func call() -> Signature<JSONValue> { Signature(task: "swift.add", arguments: number()) }

        private mutating func partial<Input>() -> Partial<Input, JSONValue> {
            Partial(task: "swift.add", arguments: number())
        }

        private mutating func body() -> Partial<[JSONValue], JSONValue> { partial() }

        mutating func first(_ step: Substring) throws -> Workflow {
            switch step {
            case "task": return .one(call())
            case "group": return .group(group(call(), call()))
            case "one": return .group(group(call()))
            case "chains": return .group(group(call().then(partial()), call()))
            case "chain": return .one(call().then(partial()))
            case "chord": return .one(chord([call(), call()], body()))
            case "fan": return .group(call().then(group(partial(), partial())))
            default: throw CeleryError(.invalidArgument, "nobody builds \(step)")
            }
        }

        mutating func next<Input>(_ step: Substring) throws -> Sequel<Input> {
            let first: Partial<Input, JSONValue> = partial()
            switch step {
            case "task": return .one(first)
            case "group": return .group(group(first, partial()))
            case "one": return .group(group(first))
            case "chains": return .group(group(first.then(partial()), partial()))
            case "chain": return .one(first.then(partial()))
            case "chord": return .one(group(first, partial()).then(body()))
            case "fan": return .group(first.then(group(partial(), partial())))
            default: throw CeleryError(.invalidArgument, "nobody builds \(step)")
            }
        }

        mutating func then(_ workflow: Workflow, _ step: Substring) throws -> Workflow {
            switch workflow {
            case .one(let first):
                switch try next(step) as Sequel<JSONValue> {
                case .one(let next): .one(first.then(next))
                case .group(let next): .group(first.then(next))
                }
            case .group(let first):
                switch try next(step) as Sequel<[JSONValue]> {
                case .one(let next): .one(first.then(next))
                case .group(let next): .group(first.then(next))
                }
            }
        }
    }

    @Test func thenMakesOfStepsWhatPythonDoes() throws {
        let path = try #require(FixtureFiles.paths("canvas").first { $0.hasSuffix("composed-5.7.0.json") })
        let file = try JSONValue(json: [UInt8](Data(contentsOf: URL(filePath: path))))
        let cases = file.objectValue?["cases"]?.arrayValue ?? []
        #expect(cases.count > 100)
        for entry in cases.compactMap(\.objectValue) {
            let names = try #require(entry["name"]?.stringValue).split(separator: " ")
            var steps = Steps()
            var workflow = try steps.first(names[0])
            for name in names.dropFirst() { workflow = try steps.then(workflow, name) }
            let canvas = try workflow.canvas()
            #expect(try canvas.json == entry["signature"], "\(names)")
        }
    }
}
