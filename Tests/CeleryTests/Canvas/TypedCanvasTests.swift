import Celery
import CeleryProtocol
import Testing

/// What the compiler lets one build, and the canvas that comes of it. What Celery makes of the same shapes is compared in
/// the tests of `CanvasNode`.
struct TypedCanvasTests {
    private enum Tasks {
        static let add = TaskDefinition(
            "tasks.add", Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)
        static let negate = TaskDefinition("tasks.negate", Parameter("x", as: Int.self), returning: Int.self)
        static let sum = TaskDefinition("tasks.sum", Parameter("numbers", as: [Int].self), returning: Int.self)
        static let text = TaskDefinition(
            "tasks.text", Parameter("x", as: Int.self), Parameter("prefix", as: String.self), returning: String.self)
        static let ping = TaskDefinition("tasks.ping", returning: String.self)
        static let note = TaskDefinition("tasks.note", Parameter("id", as: String.self))
    }

    private static func task(
        _ name: String, _ args: [JSONValue] = [], kwargs: JSONObject = [:], options: JSONObject = [:],
        isImmutable: Bool = false
    ) -> CanvasNode {
        CanvasNode(task: name, args: args, kwargs: kwargs, options: options, isImmutable: isImmutable)
    }

    @Test func aTaskIsFollowedByOneThatTakesItsResult() throws {
        let chain: Signature<String> = Tasks.add(2, 2).then(Tasks.negate.partial()).then(
            Tasks.text.keywords.partial("n: "))
        #expect(
            try chain.canvas()
                == .chain([
                    Self.task("tasks.add", [2, 2]), Self.task("tasks.negate"),
                    Self.task("tasks.text", kwargs: ["prefix": "n: "]),
                ]))
    }

    @Test func aGroupFollowsWhateverThereIsWithAndWithoutItsResult() throws {
        let ping = group(Tasks.ping(), Tasks.ping())
        let pings = CanvasNode.group([
            Self.task("tasks.ping", isImmutable: true), Self.task("tasks.ping", isImmutable: true),
        ])
        let sums = group(Tasks.add(1, 2), Tasks.add(3, 4))
        let header = [Self.task("tasks.add", [1, 2]), Self.task("tasks.add", [3, 4])]
        let afterGroup: GroupSignature<String> = sums.then(ignoringResults: ping)
        #expect(try afterGroup.canvas() == .chord(header, pings))

        let negated: GroupPartial<Int, Int> = group(Tasks.negate.partial(), Tasks.negate.partial())
        let first = Self.task("tasks.add", [2, 2])
        let inner = [Self.task("tasks.negate"), Self.task("tasks.negate")]
        let total: GroupPartial<Int, Int> = negated.then(group(Tasks.sum.partial(), Tasks.sum.partial()))
        let totals = CanvasNode.group([Self.task("tasks.sum"), Self.task("tasks.sum")])
        #expect(try Tasks.add(2, 2).then(total).canvas() == .chain([first, .chord(inner, totals)]))
        let pinged: GroupPartial<Int, String> = negated.then(ignoringResults: ping)
        #expect(try Tasks.add(2, 2).then(pinged).canvas() == .chain([first, .chord(inner, pings)]))

        let afterPartial: GroupPartial<Int, String> = Tasks.negate.partial().then(ignoringResult: ping)
        #expect(try Tasks.add(2, 2).then(afterPartial).canvas() == .chain([first, Self.task("tasks.negate"), pings]))
    }

    @Test(arguments: [SendOptions(priority: 256), SendOptions(priority: -1), SendOptions(id: "")])
    func optionsThatMakeNoSenseAreRefusedInEveryStep(_ options: SendOptions) {
        #expect(throws: CeleryError.self) { try Tasks.add(2, 2).options(options).canvas() }
        let chain = Tasks.add(2, 2).then(Tasks.negate.partial().options(options))
        #expect(throws: CeleryError.self) { try chain.canvas() }
        #expect(throws: CeleryError.self) { try group(Tasks.add(1, 2), Tasks.add(3, 4)).options(options).canvas() }
    }

    @Test func anIdIsNotThatOfAllMembersOfAGroup() {
        let members = group(Tasks.add(1, 2), Tasks.add(3, 4)).options(SendOptions(id: "one"))
        #expect(throws: CeleryError.self) { try members.canvas() }
    }

    @Test func aTaskThatDoesNotTakeTheResultBeforeItIsImmutable() throws {
        let chain: Signature<String> = Tasks.add(2, 2).then(ignoringResult: Tasks.ping())
        #expect(
            try chain.canvas()
                == .chain([Self.task("tasks.add", [2, 2]), Self.task("tasks.ping", isImmutable: true)]))
        let further = Tasks.add(2, 2).then(ignoringResult: Tasks.add(1, 1).then(Tasks.negate.partial()))
        #expect(
            try further.canvas()
                == .chain([
                    Self.task("tasks.add", [2, 2]), Self.task("tasks.add", [1, 1], isImmutable: true),
                    Self.task("tasks.negate"),
                ]))
    }

    @Test func whatFollowsAGroupIsTheBodyOfAChord() throws {
        let total: Signature<Int> = group((1...2).map { Tasks.add($0, $0) }).then(Tasks.sum.partial())
        let chord = CanvasNode.chord(
            [Self.task("tasks.add", [1, 1]), Self.task("tasks.add", [2, 2])], Self.task("tasks.sum"))
        #expect(try total.canvas() == chord)
        #expect(try Celery.chord([Tasks.add(1, 1), Tasks.add(2, 2)], Tasks.sum.partial()).canvas() == chord)
    }

    @Test func aGroupOfOneHasAListOfOneResult() throws {
        let total = Tasks.add(1, 1).then(group(Tasks.add.partial(1))).then(Tasks.sum.partial())
        #expect(
            try total.canvas()
                == .chain([
                    Self.task("tasks.add", [1, 1]),
                    .chord([Self.task("tasks.add", [1])], Self.task("tasks.sum")),
                ]))
        let partial = Tasks.negate.partial().then(group(Tasks.add.partial(1)))
        #expect(
            try Tasks.add(1, 1).then(partial).then(Tasks.sum.partial()).canvas()
                == .chain([
                    Self.task("tasks.add", [1, 1]), Self.task("tasks.negate"),
                    .chord([Self.task("tasks.add", [1])], Self.task("tasks.sum")),
                ]))
    }

    @Test func aGroupOfNoneHasAnEmptyList() throws {
        let none = group([Partial<Int, Int>]())
        #expect(
            try Tasks.add(1, 1).then(none).then(Tasks.sum.partial()).canvas()
                == .chain([Self.task("tasks.add", [1, 1]), .chord([], Self.task("tasks.sum"))]))
    }

    @Test func aGroupAfterAGroupIsTheBodyOfAChordWhoseMembersGetTheList() throws {
        let both: GroupSignature<Int> = group(Tasks.add(1, 1), Tasks.add(2, 2))
            .then(group(Tasks.sum.partial(), Tasks.sum.partial()))
        #expect(
            try both.canvas()
                == .chord(
                    [Self.task("tasks.add", [1, 1]), Self.task("tasks.add", [2, 2])],
                    .group([Self.task("tasks.sum"), Self.task("tasks.sum")])))
        let total = both.then(Tasks.sum.partial()).then(Tasks.negate.partial())
        #expect(
            try total.canvas()
                == .chord(
                    [Self.task("tasks.add", [1, 1]), Self.task("tasks.add", [2, 2])],
                    .chord(
                        [Self.task("tasks.sum"), Self.task("tasks.sum")],
                        .chain([Self.task("tasks.sum"), Self.task("tasks.negate")]))))
    }

    @Test func aGroupThatTakesNothingHasImmutableMembers() throws {
        let pings = Tasks.add(1, 1).then(ignoringResult: group(Tasks.ping(), Tasks.ping()))
        let ping = Self.task("tasks.ping", isImmutable: true)
        #expect(try pings.canvas() == .chain([Self.task("tasks.add", [1, 1]), .group([ping, ping])]))
        let last = group(Tasks.ping()).then(ignoringResults: Tasks.add(1, 2))
        #expect(
            try last.canvas() == .chord([Self.task("tasks.ping")], Self.task("tasks.add", [1, 2], isImmutable: true)))
    }

    @Test func whatIsLinkedGetsTheResultOrTheIDOfWhatFailed() throws {
        let call = Tasks.add(2, 2).link(Tasks.negate.partial()).linkError(Tasks.note.partial())
            .link(ignoringResult: Tasks.ping()).linkError(ignoringID: Tasks.ping())
        let ping = try Self.task("tasks.ping", isImmutable: true).json
        #expect(
            try call.canvas().options == [
                "link": [try Self.task("tasks.negate").json, ping],
                "link_error": [try Self.task("tasks.note").json, ping],
            ])
    }

    @Test func whatIsLinkedToAChordIsLinkedToItsHeaderWhereThatIsWanted() throws {
        let total = group(Tasks.add(1, 1), Tasks.add(2, 2)).then(Tasks.sum.partial()).linkError(Tasks.note.partial())
        for linksHeaders in [false, true] {
            var chord = CanvasNode.chord(
                [Self.task("tasks.add", [1, 1]), Self.task("tasks.add", [2, 2])], Self.task("tasks.sum"))
            try chord.linkError(Self.task("tasks.note"), linksHeaders: linksHeaders)
            #expect(try total.canvas(linksErrorsToHeaders: linksHeaders) == chord)
        }
    }

    @Test(arguments: [SendOptions(inheritsPriority: true), SendOptions(linksErrorsToHeaders: true)])
    func aStepHasNoOptionThatOnlyTheSenderCanObey(options: SendOptions) {
        #expect(throws: CeleryError.self) { try Tasks.add(2, 2).options(options).canvas() }
        #expect(throws: CeleryError.self) {
            try Tasks.add(2, 2).then(Tasks.negate.partial().options(options)).canvas()
        }
    }

    @Test func optionsAndStampsStandInTheSignature() throws {
        let options = SendOptions(
            countdown: .seconds(5), expires: .after(.milliseconds(1500)), queue: "math", priority: 3, id: "id-1")
        let call = Tasks.add(2, 2).options(options).stamped(["tenant": "north"])
        #expect(
            try call.canvas().options == [
                "countdown": 5, "expires": 1.5, "queue": "math", "priority": 3, "task_id": "id-1", "tenant": "north",
                "stamped_headers": ["tenant"],
            ])
    }

    @Test func aVisitorSaysWhatEachTaskIsStampedWith() throws {
        let flow = group(Tasks.add(1, 1), Tasks.add(2, 2)).then(Tasks.sum.partial()).stamped { part in
            switch part.place {
            case .task: ["name": .string(part.task), "size": .integer(part.arguments.count)]
            case .header: ["members": .integer(part.count)]
            default: [:]
            }
        }
        guard case .chord(let header, let body) = try flow.canvas().kind else {
            Issue.record("\(try flow.canvas())")
            return
        }
        let stamps = header.tasks[1].options
        #expect(stamps["name"] == "tasks.add" && stamps["size"] == 2 && stamps["members"] == 2)
        #expect(stamps["stamped_headers"]?.arrayValue?.count == 3)
        #expect(body.options["name"] == "tasks.sum" && body.options["size"] == 0)
        let alone = try group(Tasks.add(1, 1)).stamped { ["name": .string($0.task)] }.canvas()
        #expect(
            alone
                == .group([
                    Self.task("tasks.add", [1, 1], options: ["name": "tasks.add", "stamped_headers": ["name"]])
                ]))
    }

    @Test func aStepSaysItsQueue() throws {
        let chain = Tasks.add(2, 2).then(Tasks.negate.partial().options(SendOptions(queue: "math")))
        #expect(
            try chain.canvas()
                == .chain([Self.task("tasks.add", [2, 2]), Self.task("tasks.negate", options: ["queue": "math"])]))
    }

    @Test func aTaskIsMappedOverArguments() throws {
        let squares: Signature<[Int]> = Tasks.negate.map([1, 2])
        #expect(try squares.canvas() == .map(Self.task("tasks.negate"), over: [1, 2]))
        let sums: Signature<[Int]> = Tasks.add.starmap([(1, 2), (3, 4)])
        #expect(try sums.canvas() == .starmap(Self.task("tasks.add"), over: [[1, 2], [3, 4]]))
        let chunks: GroupSignature<[Int]> = Tasks.add.chunks([(1, 2), (3, 4), (5, 6)], of: 2)
        #expect(
            try chunks.canvas()
                == .group([
                    .starmap(Self.task("tasks.add"), over: [[1, 2], [3, 4]]),
                    .starmap(Self.task("tasks.add"), over: [[5, 6]]),
                ]))
    }

    @Test func tasksWithoutADefinitionAreCalledByName() throws {
        let chain = Signature(task: "old.job", arguments: [1]).returning(Int.self).then(Tasks.negate.partial())
            .then(Partial(task: "old.print", keywords: ["file": "a"]))
        #expect(
            try chain.canvas()
                == .chain([
                    Self.task("old.job", [1]), Self.task("tasks.negate"), Self.task("old.print", kwargs: ["file": "a"]),
                ]))
    }

    @Test func aLongChainTakesNoLongerPerTask() throws {
        var chain = Tasks.add(1, 1)
        for _ in 1..<1000 { chain = chain.then(Tasks.negate.partial()) }
        guard case .chain(let tasks) = try chain.canvas().kind else {
            Issue.record("it is no chain")
            return
        }
        #expect(tasks.count == 1000)
    }

    @Test func aCanvasIsDrawn() throws {
        let flow = Tasks.add(2, 2).then(group(Tasks.add.partial(1), Tasks.add.partial(2))).then(Tasks.sum.partial())
            .linkError(Tasks.note.partial())
        #expect(
            try flow.diagram(.tree) == """
                chain
                ├─ tasks.add(2, 2)
                ├─ chord
                │  ├─ tasks.add(1)
                │  ├─ tasks.add(2)
                │  └─ body: tasks.sum()
                └─ link_error: tasks.note()
                """)
        #expect(
            try flow.diagram(.mermaid) == """
                flowchart LR
                    t0["tasks.add(2, 2)"]
                    t1["tasks.add(1)"]
                    t2["tasks.add(2)"]
                    t3["tasks.sum()"]
                    t4["tasks.note()"]
                    t0 --> t1
                    t0 --> t2
                    t1 --> t3
                    t2 --> t3
                    t3 -.->|link_error| t4
                """)
        let quoted = Signature(task: "say", arguments: ["\"<b>\\"])
        let graph = try quoted.diagram(.graphviz)
        #expect(
            graph == #"""
                digraph canvas {
                    rankdir=LR
                    node [shape=box]
                    t0 [label="say('\"<b>\\')"]
                }
                """#)
        #expect(try quoted.diagram(.mermaid).contains("[\"say('#quot;#lt;b#gt;"))
    }

    @Test func ofAGroupEachTaskHasItsOptionsStampsAndErrbacks() throws {
        let members = group(Tasks.add(1, 1), Tasks.add(2, 2)).options(SendOptions(queue: "math"))
            .linkError(Tasks.note.partial()).stamped(["tenant": "north"])
        guard case .group(let nodes) = try members.canvas().kind else {
            Issue.record("it is no group any more")
            return
        }
        for node in nodes {
            #expect(node.options["queue"] == "math" && node.options["tenant"] == "north")
            #expect(node.options["link_error"]?.arrayValue?.count == 1)
        }
        #expect(nodes.count == 2)
    }

    @Test func whatComesBeforeAGroupHasItsErrbacksButNotItsOptions() throws {
        let flow = Tasks.add(2, 2).then(group(Tasks.add.partial(1), Tasks.add.partial(2)))
            .options(SendOptions(queue: "math")).linkError(ignoringID: Tasks.ping())
        guard case .chain(let steps) = try flow.canvas().kind, case .group(let nodes)? = steps.last?.kind else {
            Issue.record("it is no chain that ends with a group")
            return
        }
        #expect(steps[0].options["queue"] == nil && steps[0].options["link_error"] != nil)
        #expect(nodes.allSatisfy { $0.options["queue"] == "math" && $0.options["link_error"] != nil })
    }

    @Test(arguments: [false, true]) func aGroupAfterAGroupHasItsErrbacksAsAChordHas(linksHeaders: Bool) throws {
        let inner = group(Tasks.add(1, 1), Tasks.add(2, 2)).then(Tasks.sum.partial())
        let flow = group(inner, Tasks.add(3, 3)).then(group(Tasks.sum.partial(), Tasks.sum.partial()))
            .linkError(Tasks.note.partial())
        let sum = Self.task("tasks.sum")
        var chord = CanvasNode.chord(
            [
                .chord([Self.task("tasks.add", [1, 1]), Self.task("tasks.add", [2, 2])], sum),
                Self.task("tasks.add", [3, 3]),
            ], .group([sum, sum]))
        try chord.linkError(Self.task("tasks.note"), linksHeaders: linksHeaders)
        #expect(try flow.canvas(linksErrorsToHeaders: linksHeaders) == chord)
    }

    /// A failure in the header of a chord reaches the errbacks of its body: tasks of the header that had them too would
    /// have them called twice.
    @Test func theErrbacksOfAGroupAreNotThoseOfTheHeaderBeforeIt() throws {
        let flow = group(Tasks.add(1, 1), Tasks.add(2, 2)).then(group(Tasks.sum.partial(), Tasks.sum.partial()))
            .linkError(Tasks.note.partial())
        guard case .chord(let header, let body) = try flow.canvas().kind, case .group(let nodes) = body.kind else {
            Issue.record("it is no chord whose body is a group")
            return
        }
        #expect(header.tasks.allSatisfy { $0.options["link_error"] == nil })
        #expect(nodes.count == 2 && nodes.allSatisfy { $0.options["link_error"] != nil })
    }

    @Test func theBodyOfAChordHasLinksOfItsOwn() throws {
        let body = Tasks.sum.partial().link(Tasks.negate.partial()).linkError(Tasks.note.partial())
            .stamped(["tenant": "north"])
        guard case .chord(_, let node) = try chord([Tasks.add(1, 1), Tasks.add(2, 2)], body).canvas().kind else {
            Issue.record("it is no chord")
            return
        }
        #expect(node.options["link"] != nil && node.options["link_error"] != nil && node.options["tenant"] == "north")
    }

    @Test func aGroupIsFollowedByAListWhateverItsOptionsAre() throws {
        let total = group(Tasks.add(1, 1)).options(SendOptions(queue: "math")).then(Tasks.sum.partial())
        #expect(
            try total.canvas()
                == .chord([Self.task("tasks.add", [1, 1], options: ["queue": "math"])], Self.task("tasks.sum")))
    }

    @Test func ofALargeGroupItIsSaidHowManyAreNotDrawn() throws {
        let lines = try group((1...100).map { Tasks.negate($0) }).diagram(.tree).split(separator: "\n")
        #expect(lines.count == 22 && lines.last == "└─ … (80 more)")
    }
}
