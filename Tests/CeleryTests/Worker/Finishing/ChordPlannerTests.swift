import CeleryProtocol
import CeleryTransport
import Testing

@testable import Celery

/// What follows from the end of a member of a chord, as a value.
@Suite struct ChordPlannerTests {
    private let planner = FinishingPlanner(
        publisher: TaskPublisher(
            broker: .memory, routing: .init(), defaults: nil, middleware: [], replyTo: "replies", logger: Bench.logger),
        environment: TaskEnvironment(logger: Bench.logger))
    private static let claim = ChordClaim(group: "header", token: "token", isRepeated: false)
    private static let failure = TaskFailure(type: "ValueError", message: "boom")
    private static let told = SuccessorTests.signature("tasks.told", id: "told")

    private static func body(_ options: JSONObject = [:]) -> JSONValue {
        SuccessorTests.signature("tasks.body", id: "body", options: options)
    }

    private static func node(_ type: String, _ kwargs: JSONObject, _ options: JSONObject = [:]) -> JSONValue {
        [
            "task": .string("celery.\(type)"), "args": [], "kwargs": .object(kwargs), "options": .object(options),
            "subtask_type": .string(type), "immutable": false,
        ]
    }

    private func member(
        _ ending: FinishedTask.Ending, body: JSONValue = body(), chain: [JSONValue] = [],
        rules: TaskRules = TaskRules()
    ) throws -> FinishedTask {
        var payload = TaskPayload(args: [1])
        payload.chord = body
        payload.chain = chain
        var request = TaskRequest(task: "tasks.first", id: "first")
        request.group = "header"
        request.groupIndex = 3
        var message = Message(body: payload.encoded())
        message.headers = try request.messageHeaders()
        let task = ReceivedTask(
            queue: "celery", message: message, request: request,
            handler: TaskHandler(named: "tasks.first") { _, _, _ in 1 })
        return FinishedTask(task: task, rules: rules, payload: payload, ending: ending)
    }

    @Test func theEndIsStoredBeforeItIsCounted() throws {
        let plan = planner.plan(after: try member(.ran(.success(3))))
        #expect(plan.words == ["store first SUCCESS", "report first SUCCESS to header"])
        guard case .report(let report)? = plan.steps.last else {
            Issue.record("no part is counted")
            return
        }
        #expect(report.part == ChordPart(group: "header", id: "first", index: 3, state: .success, result: 3))
        #expect(plan.little?.report?.part == report.part)
        #expect(planner.plan(after: try member(.ran(.retry(after: .zero, reason: nil)))).words.count == 2)
        #expect(planner.plan(after: try member(.ran(.ignored))).words == [])
    }

    @Test func aResultThatNobodyWantsIsCountedAllTheSame() throws {
        var rules = TaskRules()
        rules.ignoresResult = true
        #expect(
            planner.plan(after: try member(.ran(.success(3)), rules: rules)).words
                == ["report first SUCCESS to header"])
        rules.hasBackend = false
        #expect(planner.plan(after: try member(.ran(.success(3)), rules: rules)).words == [])
    }

    @Test func theTasksThatWereToFollowAreCountedWhereTheyBelong() throws {
        let member: JSONObject = ["group_id": "outer", "group_index": 1, "chord": Self.body()]
        let group = Self.node(
            "group",
            ["tasks": [SuccessorTests.signature("t", id: "c"), SuccessorTests.signature("t", id: "d")]])
        let chain: JSONValue = [SuccessorTests.signature("tasks.step", id: "b", options: member), group]
        let finished = try self.member(.ran(.failure(Self.failure)), chain: chain.arrayValue ?? [])
        #expect(
            planner.plan(after: finished).words == [
                "store first FAILURE", "store b FAILURE", "store c FAILURE", "store d FAILURE",
                "report first FAILURE to header", "report b FAILURE to outer",
            ])
    }

    @Test func aTaskThatIsNotReadIsCountedAfterItsMessage() throws {
        var finished = try member(.revoked(.expired))
        finished.payload = nil
        #expect(planner.plan(after: finished).words == ["store first REVOKED", "report first REVOKED to header"])
    }

    // MARK: Complete chords

    private func steps(_ body: JSONValue, _ results: ChordResults) throws -> [String] {
        let report = ChordReport(
            part: ChordPart(group: "header", id: "first", index: 0, state: .success, result: 1), body: body)
        let (steps, problem) = planner.steps(
            completing: report, Self.claim, results, by: try member(.ran(.success(1)), body: body))
        #expect(problem == nil)
        return FinishingPlan(steps).words
    }

    private static let failed = ChordResults.failed(
        ChordMember(id: "bad", state: .failure, result: failure.json), isNested: false)

    @Test func theChordEndsWhenItsBodyIsSent() throws {
        #expect(try steps(Self.body(), .values([1, 2])) == ["send chordBody body", "end header"])
    }

    @Test func theErrbacksOfABodyAreToldBeforeItHasFailed() throws {
        let chain: JSONValue = [SuccessorTests.signature("tasks.step", id: "next")]
        #expect(
            try steps(Self.body(["link_error": Self.told, "chain": chain]), Self.failed) == [
                "send errback told", "store body FAILURE", "store next FAILURE", "fail header",
            ])
    }

    /// Celery links the errbacks of a chord to the chords in its header too, whose failure makes the chord fail.
    @Test func theErrbacksThatAChordWithinAHeaderHasFromTheOneAroundItAreLeftToThat() throws {
        let own = SuccessorTests.signature("tasks.own", id: "own")
        let outer = Self.body(["link_error": Self.told])
        let inner = Self.body([
            "link_error": [own, Self.told], "group_id": "outer", "group_index": 1, "chord": outer,
        ])
        #expect(
            try steps(inner, Self.failed) == [
                "send errback own", "store body FAILURE", "report body FAILURE to outer", "fail header",
            ])
        #expect(try steps(outer, Self.failed) == ["send errback told", "store body FAILURE", "fail header"])
    }

    @Test func aBodyThatBelongsToAnotherChordIsCountedThere() throws {
        let outer: JSONObject = ["group_id": "outer", "chord": Self.body()]
        #expect(
            try steps(Self.body(outer), Self.failed)
                == ["store body FAILURE", "report body FAILURE to outer", "fail header"])
    }

    @Test func eachTaskOfAGroupIsToldOnce() throws {
        let tasks: JSONValue = [
            SuccessorTests.signature("t", id: "c", options: ["link_error": [Self.told]]),
            SuccessorTests.signature("t", id: "d"),
        ]
        let group = Self.node("group", ["tasks": tasks], ["task_id": "group", "link_error": Self.told])
        #expect(
            try steps(group, Self.failed) == [
                "send errback told", "store c FAILURE", "send errback told", "store d FAILURE", "store group FAILURE",
                "fail header",
            ])
    }

    @Test(arguments: [false, true]) func whateverFailsWithItsChordHasATraceback(isGroup: Bool) throws {
        let next = SuccessorTests.signature("tasks.step", id: "next")
        let group = Self.node(
            "group", ["tasks": [SuccessorTests.signature("t", id: "c"), SuccessorTests.signature("t", id: "d")]],
            ["task_id": "group", "chain": [next]])
        let body = isGroup ? group : Self.body(["chain": [next]])
        let report = ChordReport(
            part: ChordPart(group: "header", id: "first", index: 0, state: .failure, result: 1), body: body)
        let (steps, _) = planner.steps(
            completing: report, Self.claim, Self.failed, by: try member(.ran(.failure(Self.failure)), body: body))
        let results = FinishingPlan(steps).stored
        #expect(results.map(\.id) == (isGroup ? ["c", "d", "group", "next"] : ["body", "next"]))
        for result in results {
            let text = try #require(result.traceback)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.first == "Traceback (most recent call last):" && lines.last == "", "\(result.id)")
            #expect(lines[1] == "  chord of the group header, completed by the Swift task tasks.first[first]")
            #expect(
                lines[2]
                    == (isGroup && result.id != "next"
                        ? "ValueError: boom" : "ChordError: Dependency bad raised ValueError('boom')"))
        }
    }

    /// Celery's worker catches it as what it is.
    @Test func theErrorOfAChordWithinAHeaderIsThatOfTheOneAroundIt() {
        let inner = TaskFailure(
            type: "ChordError", module: "celery.exceptions", message: "Dependency bad raised ValueError()")
        func error(_ failure: TaskFailure, isNested: Bool) -> String? {
            ChordResults.failed(
                ChordMember(id: "bad", state: .failure, result: failure.json), isNested: isNested
            ).error?.message
        }
        #expect(error(inner, isNested: true) == inner.message)
        #expect(
            error(inner, isNested: false) == "Dependency bad raised ChordError('Dependency bad raised ValueError()')")
        #expect(error(Self.failure, isNested: true) == "Join error: ValueError('boom')")
        let other = TaskFailure(type: "ChordError", module: "tasks", message: "no")
        #expect(error(other, isNested: true) == "Join error: ChordError('no')")
    }

    /// Where one worker has told some errbacks and died, another one tells all: of each message one is to run.
    @Test func theMessagesToErrbacksAreMarked() throws {
        let both: JSONValue = [Self.told, SuccessorTests.signature("tasks.told", id: "also-told")]
        let tasks: JSONValue = [
            SuccessorTests.signature("t", id: "c", options: ["link_error": both]),
            SuccessorTests.signature("t", id: "d", options: ["link_error": both]),
        ]
        let body = Self.node("group", ["tasks": tasks], ["task_id": "group"])
        let report = ChordReport(
            part: ChordPart(group: "header", id: "first", index: 0, state: .success, result: 1), body: body)
        let copies = try ["first", "heir"].map { token in
            let claim = ChordClaim(group: "header", token: token, isRepeated: token == "heir")
            let (steps, _) = planner.steps(
                completing: report, claim, Self.failed, by: try member(.ran(.success(1)), body: body))
            return steps.compactMap { step -> ChordBodyCopy? in
                guard case .send(let outgoing) = step, case .message(let message, _) = outgoing.step else { return nil }
                return ChordBodyCopy(message.headers)
            }
        }
        #expect(copies[0].map(\.place) == [-1, -2, -3, -4])
        #expect(copies[1].map(\.place) == copies[0].map(\.place))
        #expect(copies.map { Set($0.map(\.token)) } == [["first"], ["heir"]])
        #expect(copies[0].allSatisfy { $0.group == "header" })
    }

    @Test func aChordThatIsABodyFailsInItsBody() throws {
        let inner = Self.node(
            "chord",
            ["header": [SuccessorTests.signature("t", id: "c")], "body": Self.body(["link_error": Self.told])],
            ["link_error": Self.told])
        #expect(try steps(inner, Self.failed) == ["send errback told", "store body FAILURE", "fail header"])
    }

    @Test func aBodyThatCannotBeMadeFails() throws {
        let body = Self.body(["eta": "tomorrow"])
        let report = ChordReport(
            part: ChordPart(group: "header", id: "first", index: 0, state: .success, result: 1), body: body)
        let (steps, problem) = planner.steps(
            completing: report, Self.claim, .values([]), by: try member(.ran(.success(1)), body: body))
        #expect(FinishingPlan(steps).words == ["store body FAILURE", "end header"])
        #expect(problem?.kind == .chord)
    }
}
