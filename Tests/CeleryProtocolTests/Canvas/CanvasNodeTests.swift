import CeleryProtocol
import Testing

@Suite struct CanvasNodeTests {
    @Test func fieldsThatAreNotCelerysSurviveInOrder() throws {
        let text = """
            {"task": "t", "args": [1], "kwargs": {"a": null}, "options": {"queue": "q", "own": [1.5]}, \
            "subtask_type": null, "immutable": true, "chord_size": 2, "a": {"b": []}}
            """
        let node = try CanvasNode(try JSONValue(json: text))
        #expect(try node.json.description == text)
        #expect(node.isImmutable && node.taskName == "t")
    }

    @Test func whatAnOldSenderLeavesOutIsEmpty() throws {
        let node = try CanvasNode(["task": "t"])
        #expect(node == CanvasNode(task: "t"))
        let task = try #require(try node.expanded(in: CanvasContext(makeID: { "made" })).tasks.first)
        #expect(task.request.id == "made" && task.request.rootID == "made" && task.request.parentID == nil)
    }

    @Test func aTaskThatSendsIsTheParentOfWhatItSends() throws {
        let context = CanvasContext(rootID: "root", parentID: "parent", replyTo: "queue", priority: 4)
        let expansion = try (add(1, 2) ||| mul(3)).expanded(in: context)
        let request = try #require(expansion.tasks.first?.request)
        #expect(request.rootID == "root" && request.parentID == "parent" && request.replyTo == "queue")
        // It counts less than a route's, of which only the sender knows.
        #expect(expansion.tasks.first?.inheritedPriority == 4)
        #expect(expansion.tasks.first?.options["priority"] == nil)
        #expect(expansion.children == [ResultTree(task: request.id)])
        #expect(expansion.result?.ancestors == [ResultTree(task: request.id)])
    }

    @Test func aMapIsRoutedByTheNameOfItsTaskAlsoInChainsGroupsAndChunks() throws {
        let map = try CanvasNode.map(add(), over: [1, 2])
        #expect(try map.expanded(in: CanvasContext()).tasks.map(\.routeName) == ["swift.add"])
        #expect(try (map ||| mul(2)).expanded(in: CanvasContext()).tasks.map(\.routeName) == ["swift.add"])
        let chunks = try CanvasNode.chunks(add(), over: [[1, 2], [3, 4]], of: 1)
        #expect(try chunks.expanded(in: CanvasContext()).tasks.map(\.routeName) == ["swift.add", "swift.add"])
        let group = CanvasNode.group([map, add(1, 2)])
        #expect(try group.expanded(in: CanvasContext()).tasks.map(\.routeName) == ["swift.add", nil])
    }

    @Test(arguments: [JSONValue.integer(0), -1, "2", nil])
    func chunksOfNoSizeAreAnError(size: JSONValue) throws {
        var chunks = try CanvasNode.chunks(add(), over: [[1, 2]], of: 1)
        chunks.kwargs["n"] = size
        #expect(throws: MessageError.self) { try chunks.expanded(in: CanvasContext()) }
    }

    /// Python's chunks lose what was set on them.
    @Test func chunksKeepTheirOptions() throws {
        let chunks = try CanvasNode.chunks(add(), over: [[1, 2], [3, 4]], of: 1).set(["queue": "slow"])
        #expect(try chunks.expanded(in: CanvasContext()).tasks.map { $0.options["queue"] } == ["slow", "slow"])
    }

    /// Celery loses the arguments of a chain that begins with a group.
    @Test func aChainThatBeginsWithAGroupGetsItsArguments() throws {
        let chain = CanvasNode(.chain([group(add(2), mul(3).immutable), tsum()]))
        let sent = try chain.expanded(input: [1], in: CanvasContext()).tasks
        #expect(sent.map(\.payload.args) == [[1, 2], [3]])
        #expect(sent.allSatisfy { $0.payload.chord != nil })
    }

    @Test func aGroupWithoutTasksCannotHaveACallback() {
        #expect(throws: MessageError.self) { try group().linked(add(1, 2)) }
    }

    @Test func ofAChainTheNextStepIsReadAndTheRestPassedOn() throws {
        var payload = TaskPayload()
        payload.chain = ["no signature", try mul(2).json]
        let expansion = try CanvasSuccession(payload).expanded(result: 5, in: CanvasContext(parentID: "parent"))
        #expect(expansion.tasks.map(\.payload.chain) == [["no signature"]])
        payload.chain?.removeLast()
        #expect(throws: MessageError.self) { try CanvasSuccession(payload) }
    }

    @Test func nothingFollowsATaskWithoutSuccessors() throws {
        var payload = TaskPayload()
        payload.chain = []
        let succession = try CanvasSuccession(payload)
        #expect(succession.isEmpty)
        #expect(try succession.expanded(result: 1, in: CanvasContext()).steps.isEmpty)
    }

    @Test func theTasksOfAnAbandonedChainAreThoseOfItsGroupsAndBodies() throws {
        let context = CanvasContext(replyTo: "queue")
        let canvas =
            try add(1, 2) ||| group(mul(3), mul(4).set(["ignore_result": true])) ||| tsum() ||| group(mul(5), mul(6))
        let first = try #require(try canvas.expanded(in: context).tasks.first)
        let tasks = AbandonedTask.tasks(of: ["no signature", 5] + (first.payload.chain ?? []))
        #expect(tasks.map(\.task) == ["swift.mul", "swift.mul", "swift.tsum"])
        #expect(tasks.allSatisfy { $0.replyTo == "queue" && $0.chord == nil && !$0.ignoresResult })

        let parts = try chord([add(1, 2) ||| mul(3), add(1, 1)], tsum()).expanded(in: context).tasks
        let part = try #require(AbandonedTask.tasks(of: parts[0].payload.chain ?? []).first)
        #expect(part.group == parts[1].request.group && part.groupIndex == 0)
        #expect(part.chord == parts[1].payload.chord)
    }

    @Test func addingToAChordNeedsOne() {
        #expect(throws: MessageError.self) {
            try add(1, 2).added(
                toChordOf: TaskRequest(task: "t", id: "i"), TaskPayload(), in: CanvasContext())
        }
    }

    /// Celery sends such chunks by themselves, and what waits for the replaced task waits for ever.
    @Test func chunksReplaceATaskAsAGroup() throws {
        let chunks = try CanvasNode.chunks(add(), over: [[1, 2], [3, 4]], of: 1)
        let node = try chunks.replacing(TaskRequest(task: "t", id: "i"), TaskPayload(), in: CanvasContext())
        let expansion = try node.expanded(in: CanvasContext(rootID: "i", parentID: "i"))
        #expect(expansion.tasks.map(\.request.task) == ["celery.starmap", "celery.starmap"])
        #expect(expansion.result?.id == "i")
    }
}
