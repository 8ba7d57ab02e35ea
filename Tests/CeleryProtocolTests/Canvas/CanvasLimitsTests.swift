import CeleryProtocol
import Foundation
import Testing

@Suite struct CanvasLimitsTests {
    /// Ways to put one canvas into another.
    enum Nesting: CaseIterable {
        case chain, group, header, body, link

        func around(_ node: CanvasNode) throws -> CanvasNode {
            switch self {
            case .chain: return CanvasNode(.chain([node]))
            case .group: return .group([node, add(1, 2)])
            case .header: return .chord([node], tsum())
            case .body: return .chord([add(1, 2)], node)
            case .link: return try add(1, 2).linked(node)
            }
        }

        func nested(_ levels: Int) throws -> CanvasNode {
            var node = add(1, 2)
            for _ in 1..<levels { node = try around(node) }
            return node
        }
    }

    @Test(arguments: Nesting.allCases)
    func tenThousandLevelsAreAnErrorAndNoCrash(nesting: Nesting) throws {
        let node: CanvasNode
        do {
            node = try nesting.nested(10_000)
        } catch let error as MessageError {
            // What is linked is written at once.
            #expect(nesting == .link && error.reason.contains("100 levels"))
            return
        }
        #expect(throws: MessageError.self) { try node.json }
        #expect(throws: MessageError.self) { try node.expanded(in: CanvasContext()) }
        #expect(throws: MessageError.self) { try node.frozen(in: CanvasContext()) }
        #expect(throws: MessageError.self) { try CanvasNode.group([add(1, 2), node]).json }
        #expect(throws: MessageError.self) { try add(1, 2).then(node).expanded(in: CanvasContext()) }
    }

    @Test(arguments: Nesting.allCases)
    func aHundredLevelsAreSentOnASmallStack(nesting: Nesting) async throws {
        let node = try nesting.nested(CanvasNode.maximumDepth)
        let outcome = await withCheckedContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    returning: Result {
                        let expansion = try node.frozen(in: CanvasContext()).node.expanded(in: CanvasContext())
                        let bodies = expansion.tasks.map { $0.payload.encoded() }
                        for body in bodies { _ = try JSONValue(json: body) }
                        return bodies.count
                    })
            }
            thread.stackSize = 3 << 19
            thread.start()
        }
        #expect(try outcome.get() > 0)
    }

    @Test func whatIsReadHasNoMoreLevels() throws {
        var json = try add(1, 2).json
        for _ in 0..<CanvasNode.maximumDepth {
            var group = try #require(try CanvasNode.group([]).json.objectValue)
            group["kwargs"] = ["tasks": [json]]
            json = .object(group)
        }
        let error = #expect(throws: MessageError.self) { try CanvasNode(json) }
        #expect(error?.reason == "a canvas has more than 100 levels")
    }

    @Test(arguments: [
        "task_id", "root_id", "parent_id", "group_id", "reply_to", "group_index", "replaced_task_nesting", "time_limit",
        "soft_time_limit", "link", "link_error", "chain", "chord", "headers", "stamped_headers",
    ])
    func anOptionOfAnotherTypeIsAnErrorThatNamesIt(option: String) throws {
        let wrong: JSONValue = option.hasPrefix("stamped") || option == "chain" ? "x" : [7.5]
        let value: JSONValue = option.hasPrefix("link") ? 7.5 : wrong
        var fields = try #require(try add(1, 2).json.objectValue)
        fields["options"] = .object([option: value])
        let read = #expect(throws: MessageError.self) { try CanvasNode(.object(fields)) }
        #expect(read?.reason.hasPrefix("invalid \(option) value") == true)
        let sent = #expect(throws: MessageError.self) {
            try add(1, 2).set([option: value]).expanded(in: CanvasContext())
        }
        #expect(sent?.reason.hasPrefix("invalid \(option) value") == true)
    }

    @Test(arguments: [
        "null", "[]", "{}", #"{"task": 1}"#, #"{"task": "t", "args": {}}"#, #"{"task": "t", "kwargs": []}"#,
        #"{"task": "t", "options": "x"}"#, #"{"task": "t", "subtask_type": "heap"}"#,
        #"{"task": "celery.chain", "subtask_type": "chain", "kwargs": {"tasks": 5}}"#,
        #"{"task": "celery.group", "subtask_type": "group", "kwargs": {"tasks": [5]}}"#,
        #"{"task": "celery.chord", "subtask_type": "chord", "kwargs": {"header": []}}"#,
        #"{"task": "celery.chord", "subtask_type": "chord", "kwargs": {"header": 1, "body": {"task": "t"}}}"#,
    ])
    func whatIsNoSignatureIsAnErrorOfOneLine(text: String) throws {
        let json = try JSONValue(json: text)
        let error = #expect(throws: MessageError.self) { try CanvasNode(json) }
        #expect(error?.code == .invalidTask)
        #expect(error?.reason.contains("\n") == false)
    }

    @Test func chainsWithoutTasksSendNothing() throws {
        let expansion = try CanvasNode(.chain([])).expanded(in: CanvasContext())
        #expect(expansion.steps.isEmpty && expansion.result == nil && expansion.children.isEmpty)
        #expect(throws: MessageError.self) { try CanvasNode(.chain([])).frozen(in: CanvasContext()) }
        #expect(throws: MessageError.self) {
            try chord([add(1, 2)], CanvasNode(.chain([]))).expanded(in: CanvasContext())
        }
    }

    /// The body of a pending chord stands once in a message, however many chords are in one another.
    @Test(arguments: ["chords after one another", "chords in headers", "chords in bodies"])
    func messagesGrowWithTheCanvasAndNoFaster(kind: String) throws {
        func size(_ count: Int) throws -> Int {
            var node = add(1, 2)
            for number in 0..<count {
                let group = CanvasNode.group([mul(.integer(number)), mul(1)])
                switch kind {
                case "chords after one another": node = try node ||| group ||| tsum()
                case "chords in headers": node = chord([node, add(1, 1)], tsum())
                default: node = chord([add(1, 1), add(2, 2)], node)
                }
            }
            let tasks = try (echo() ||| node).expanded(in: CanvasContext()).tasks
            #expect(tasks.count == 1)
            return tasks[0].payload.encoded().count
        }
        let (small, large) = (try size(10), try size(20))
        #expect(large < 3 * small, "\(small) and \(large) bytes")
    }

    @Test func aChordOfTwoThousandIsOneOpeningBeforeTheLastMessage() throws {
        let header = (0..<2_000).map { add(.integer($0), 1) }
        let expansion = try chord(header, tsum()).expanded(in: CanvasContext())
        #expect(expansion.steps.count == 2_001)
        guard case .openChord(let opening) = expansion.steps[1_999] else {
            Issue.record("the chord is opened elsewhere")
            return
        }
        #expect(opening.size == 2_000)
        #expect(opening.header.members?.count == 2_000)
        #expect(expansion.tasks.map(\.request.groupIndex) == Array(0..<2_000))
        #expect(Set(expansion.tasks.map(\.request.group)) == [opening.group])
    }

    @Test func aChainOfAThousandTasksIsOneMessage() throws {
        let node = try CanvasNode.chain([add(1, 1)] + (0..<999).map { add(.integer($0)) })
        let expansion = try node.expanded(in: CanvasContext())
        #expect(expansion.tasks.count == 1)
        #expect(expansion.tasks.first?.payload.chain?.count == 999)
        #expect(expansion.result?.ancestors.count == 999)
        #expect(expansion.result?.ancestors.last?.id == expansion.tasks.first?.request.id)
    }
}
