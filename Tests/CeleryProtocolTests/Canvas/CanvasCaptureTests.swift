import CeleryProtocol
import Testing

/// Canvases as Celery 5.7 writes and sends them. Ids that are made are compared by where they stand.
@Suite struct CanvasCaptureTests {
    @Test func thereAreEnoughShapes() {
        #expect(CapturedCanvas.sent.count >= 160)
        #expect(CapturedCanvas.older.count >= 60 && CapturedCanvas.older.allSatisfy { !$0.flow.isEmpty })
        #expect(CapturedCanvas.sent.reduce(0) { $0 + $1.flow.count } >= 500)
    }

    @Test(
        arguments:
            CapturedCanvas.newest.filter { $0.name != "chord-without-body" } + CapturedCanvas.older)
    func whatIsReadIsWrittenByteForByte(canvas: CapturedCanvas) throws {
        #expect(try CanvasNode(canvas.signature).json.description == canvas.signature.description)
        if let frozen = canvas.frozen?["signature"] {
            #expect(try CanvasNode(frozen).json.description == frozen.description)
        }
    }

    private static let notBuilt: Set = [
        "chain-empty", "group-with-link-option", "chain-ids-twice", "replace-with-part-of-a-chord",
    ]

    @Test(arguments: CapturedCanvas.sent)
    func builtWithOurFunctionsItIsWhatPythonBuilds(canvas: CapturedCanvas) throws {
        guard let node = try BuiltCanvas.named(canvas.name) else {
            #expect(Self.notBuilt.contains(canvas.name), "nobody builds \(canvas)")
            return
        }
        let ours = try node.json
        #expect(CanvasComparison.numbered(ours) == CanvasComparison.numbered(canvas.signature))
    }

    @Test(arguments: CapturedCanvas.sent.filter { $0.frozen != nil && $0.name != "task-group-group-task" })
    func frozenItHasPythonsIDsInPythonsPlaces(canvas: CapturedCanvas) throws {
        let (node, result) = try CanvasNode(canvas.signature).frozen(in: canvas.context())
        let record: JSONValue = ["signature": try node.json, "result": try result.json]
        #expect(
            CanvasComparison.numbered(record) == CanvasComparison.numbered(.object(try #require(canvas.frozen))))
    }

    @Test(arguments: CapturedCanvas.sent)
    func aClientSendsWhatPythonSends(canvas: CapturedCanvas) throws {
        let expansion = try CanvasNode(canvas.signature).expanded(
            input: canvas.args, kwargs: canvas.kwargs, options: canvas.options, in: canvas.context())
        let ours: JSONValue = [try expansion.record, try expansion.result?.json ?? .null]
        let theirs: JSONValue = [CanvasComparison.counted(try #require(canvas.steps)), canvas.result]
        #expect(CanvasComparison.numbered(ours) == CanvasComparison.numbered(theirs))
    }

    @Test(arguments: CapturedCanvas.composed)
    func whatIsComposedHasPythonsTreeOfResults(canvas: CapturedCanvas) throws {
        let result = try CanvasNode(canvas.signature).expanded(in: canvas.context()).result?.json
        #expect(CanvasComparison.numbered(result ?? .null) == CanvasComparison.numbered(canvas.result))
    }

    /// Follows a canvas from message to message to its end.
    @Test(arguments: CapturedCanvas.sent.filter { $0.name != hanging } + CapturedCanvas.older)
    func workersGoOnAsPythonsDo(canvas: CapturedCanvas) throws {
        var messages: [String: [JSONObject]] = [:]
        func note(_ steps: JSONValue?) {
            for step in steps?.arrayValue ?? [] {
                guard let message = step.objectValue?["send"]?.objectValue, let id = message["id"]?.text else {
                    continue
                }
                messages[id, default: []].append(message)
            }
        }
        note(canvas.steps)
        for turn in canvas.flow {
            let message = try #require(messages[turn.runs]?.first)
            messages[turn.runs]?.removeFirst()
            try check(turn, message, canvas)
            note(turn.steps)
            note(turn.joined?["steps"])
        }
    }

    private func check(_ turn: CapturedCanvas.Turn, _ message: JSONObject, _ canvas: CapturedCanvas) throws {
        let task = try CanvasTask(record: message)
        let context = canvas.context(
            rootID: task.request.rootID, parentID: task.request.id, priority: task.request.priority)
        func compare(_ ours: JSONValue, _ theirs: JSONValue) {
            let input = JSONValue.object(message)
            #expect(
                CanvasComparison.numbered([input, ours]) == CanvasComparison.numbered([input, theirs]),
                "turn \(turn.number)")
        }
        if let replacement = turn.replacedBy {
            if turn.isRefused {
                #expect(throws: MessageError.self) {
                    try CanvasNode(replacement).replacing(task.request, task.payload, in: context)
                }
                return
            }
            let node = try CanvasNode(replacement).replacing(task.request, task.payload, in: context)
            compare(try node.expanded(in: context).record, CanvasComparison.counted(turn.steps))
            return
        }
        if let extension_ = turn.extendedBy {
            let (node, _) = try CanvasNode(extension_).added(toChordOf: task.request, task.payload, in: context)
            let ours = try node.expanded(in: context)
            let theirs = try #require(turn.steps.arrayValue)
            #expect(theirs.first == ["grow": .string(try #require(task.request.group))])
            compare(try ours.record, .array(Array(theirs.dropFirst())))
            return
        }
        let expansion = try CanvasSuccession(task.payload).expanded(result: .integer(turn.number), in: context)
        compare(
            [try expansion.record, turn.children == nil ? .null : try expansion.childrenRecord],
            [CanvasComparison.counted(turn.steps), turn.children ?? .null])
        if let joined = turn.joined {
            let sent = try CanvasSuccession.expanded(
                chordBody: try #require(task.payload.chord), results: joined["results"]?.arrayValue ?? [], in: context)
            compare(try sent.record, CanvasComparison.counted(joined["steps"] ?? []))
        }
    }

    @Test(arguments: ["errback", "errbacks"])
    func errbacksAreSentAsOneGroup(name: String) throws {
        let (ours, theirs) = try errbacks(name)
        #expect(CanvasComparison.numbered(ours) == CanvasComparison.numbered(theirs))
    }

    /// Python takes `celery.chain` for a function of more than one argument, calls it in its own process with the failed
    /// request, and logs that this cannot be encoded.
    @Test func anErrbackThatIsAChainIsSentWherePythonLosesIt() throws {
        let (ours, theirs) = try errbacks("errback-chain")
        #expect(theirs == [])
        let sent = try #require(ours.arrayValue?.first?.objectValue?["send"]?.objectValue)
        #expect(sent["task"] == "swift.err" && sent["args"] == ["failed-id", 1])
        #expect(sent["embed"]?.objectValue?["chain"]?.arrayValue?.count == 1)
    }

    private func errbacks(_ name: String) throws -> (ours: JSONValue, theirs: JSONValue) {
        let (errbacks, steps) = try #require(CapturedCanvas.errbacks[name])
        let expansion = try CanvasSuccession.expanded(
            errbacks: errbacks.map { try CanvasNode($0) }, of: "failed-id",
            in: CanvasContext(rootID: "root-id", parentID: "failed-id", replyTo: "the-senders-queue"))
        return (try expansion.record, steps)
    }

    private static let hanging = "chord-of-chain-that-ends-in-group-with-chord"

    /// Python's worker lets the inner chord report to the group that it is in, which nobody counts, and the outer chord's
    /// body is never called.
    @Test func aChordAtTheEndOfAChainInAHeaderReportsToTheHeaderWherePythonHangs() throws {
        let canvas = try CapturedCanvas.named(Self.hanging)
        let sends = canvas.flow.flatMap { ($0.steps.arrayValue ?? []) + ($0.joined?["steps"]?.arrayValue ?? []) }
        #expect(!sends.contains { $0.objectValue?["send"]?.objectValue?["task"] == "swift.echo" })

        let client = try CanvasNode(canvas.signature).expanded(in: canvas.context())
        let first = try #require(client.tasks.first)
        let header = try #require(client.tasks.last?.request.group)
        let worker = canvas.context(rootID: first.request.id, parentID: first.request.id)
        let next = try CanvasSuccession(first.payload).expanded(result: 2, in: worker)
        let parts = next.tasks.map { $0.payload.chord.map(\.objectValue)??["options"]?.objectValue?["group_id"] }
        #expect(next.tasks[0].request.group == header)
        #expect(parts == [.string(header), .string(header)])
    }

    /// Python freezes a group that stands before a chord in a chain under other ids than the ones that it sends it with.
    @Test func aGroupBeforeAChordKeepsItsIDsWherePythonLosesThem() throws {
        let canvas = try CapturedCanvas.named("task-group-group-task")
        let (node, result) = try CanvasNode(canvas.signature).frozen(in: canvas.context())
        let expected = try #require(canvas.frozen?["result"])
        #expect(CanvasComparison.numbered(try result.json) == CanvasComparison.numbered(expected))
        let sent = try node.expanded(in: canvas.context())
        let members = result.ancestors[1].members
        #expect(members?.count == 2)
        let chain = try JSONValue.array(#require(sent.tasks.first?.payload.chain)).description
        for member in members ?? [] { #expect(chain.contains(member.id)) }
    }

    @Test func whereThePythonClientFailsThereIsAnError() throws {
        let refused = CapturedCanvas.newest.filter { $0.error != nil }
        #expect(Set(refused.map(\.name)) == ["chord-without-body", "group-called-with-link"])
        for canvas in refused {
            #expect(throws: MessageError.self, "\(canvas)") {
                try CanvasNode(canvas.signature).expanded(options: canvas.options, in: canvas.context())
            }
        }
    }
}
