import CeleryProtocol
import CeleryTransport
import Testing

@testable import Celery

/// What follows from each way in which a task can end, as a value.
@Suite(.timeLimit(.minutes(1))) struct FinishingPlannerTests {
    /// A way to end, and what follows from it where everything is stored.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let ending: FinishedTask.Ending
        /// What is sent and stored, in order.
        let steps: [String]
        /// What the broker is told with early acknowledgement, with late, and with late when failures are not
        /// acknowledged.
        let settlements: [Settlement?]
        /// Whether the message goes back when not all can be stored, in these cases.
        let runsAgain: [Bool]
    }

    static let failure = TaskFailure(type: "ValueError", message: "boom")
    static let afterFailure = ["store first FAILURE", "store b FAILURE", "send errback told"]

    static let rows = [
        Row(
            testDescription: "success", ending: .ran(.success(3)),
            steps: ["send successor next", "send successor b", "store first SUCCESS"],
            settlements: [nil, .acknowledge, .acknowledge], runsAgain: [false, true, true]),
        Row(
            testDescription: "failure", ending: .ran(.failure(failure)), steps: afterFailure,
            settlements: [nil, .acknowledge, .discard], runsAgain: [false, true, false]),
        Row(
            testDescription: "retry", ending: .ran(.retry(after: .seconds(5), reason: failure)),
            steps: ["store first RETRY", "send retry first"],
            settlements: [nil, .acknowledge, .acknowledge], runsAgain: [false, false, false]),
        Row(
            testDescription: "ignored", ending: .ran(.ignored), steps: [],
            settlements: [nil, .acknowledge, .acknowledge], runsAgain: [false, false, false]),
        Row(
            testDescription: "rejected", ending: .ran(.rejected(requeue: false, reason: "no")), steps: afterFailure,
            settlements: [nil, .discard, .discard], runsAgain: [false, false, false]),
        Row(
            testDescription: "rejected to its queue", ending: .ran(.rejected(requeue: true, reason: nil)), steps: [],
            settlements: [nil, .requeue, .requeue], runsAgain: [false, false, false]),
        Row(
            testDescription: "interrupted", ending: .ran(.interrupted), steps: [],
            settlements: [nil, nil, nil], runsAgain: [false, false, false]),
        Row(
            testDescription: "refused", ending: .refused(MessageError(.invalidTask, "no")), steps: afterFailure,
            settlements: Array(repeating: .deadLetter(reason: "no"), count: 3), runsAgain: [false, false, false]),
        Row(
            testDescription: "expired", ending: .revoked(.expired), steps: ["store first REVOKED", "store b REVOKED"],
            settlements: Array(repeating: .acknowledge, count: 3), runsAgain: [false, false, false]),
    ]

    static func rules(acksLate: Bool, acksOnFailure: Bool = true) -> TaskRules {
        var rules = TaskRules()
        rules.acksLate = acksLate
        rules.acksOnFailure = acksOnFailure
        return rules
    }

    static let allRules = [
        rules(acksLate: false), rules(acksLate: true), rules(acksLate: true, acksOnFailure: false),
    ]

    private let planner = FinishingPlanner(
        publisher: TaskPublisher(
            broker: .memory, routing: .init(), defaults: nil, middleware: [], replyTo: "replies", logger: Bench.logger),
        environment: TaskEnvironment(logger: Bench.logger))

    /// A task with a callback, a next step and an errback.
    private func finished(
        _ ending: FinishedTask.Ending, _ rules: TaskRules, errbacks: [JSONValue]? = nil
    ) throws -> FinishedTask {
        var payload = TaskPayload(args: [1])
        payload.callbacks = [SuccessorTests.signature("tasks.next", id: "next")]
        payload.chain = [SuccessorTests.signature("tasks.step", id: "b")]
        payload.errbacks = errbacks ?? [SuccessorTests.signature("tasks.told", id: "told")]
        let request = TaskRequest(task: "tasks.first", id: "first")
        var message = Message(body: payload.encoded())
        message.headers = try request.messageHeaders()
        let task = ReceivedTask(
            queue: "celery", message: message, request: request,
            handler: TaskHandler(named: "tasks.first") { _, _, _ in 1 })
        return FinishedTask(
            task: task, rules: rules, payload: payload, succession: try CanvasSuccession(payload),
            children: [OutgoingStep.child("child")], ending: ending)
    }

    @Test(arguments: rows) func theStepsOfAnEndingAreInOrder(row: Row) throws {
        for (rules, (settlement, runsAgain)) in zip(Self.allRules, zip(row.settlements, row.runsAgain)) {
            let plan = planner.plan(after: try finished(row.ending, rules))
            #expect(plan.words == row.steps)
            #expect(plan.settlement == settlement)
            #expect(plan.runsAgainUnlessStored == runsAgain)
            #expect(plan.settlementUnlessStored == (runsAgain ? .requeue : settlement))
            #expect(plan.problems.isEmpty)
            // The settlement is the last step, and there is one at most.
            let settling = plan.steps.indices.filter { if case .settle = plan.steps[$0] { true } else { false } }
            #expect(settling == (settlement == nil ? [] : [plan.steps.endIndex - 1]))
        }
    }

    /// A sender that wants no result, and a worker that has nowhere to put it.
    @Test(arguments: rows) func nothingIsStoredThatNobodyWants(row: Row) throws {
        for (rules, settlement) in zip(Self.allRules, row.settlements) {
            for change in [\TaskRules.ignoresResult, \TaskRules.hasBackend] {
                var rules = rules
                rules[keyPath: change].toggle()
                let plan = planner.plan(after: try finished(row.ending, rules))
                #expect(plan.words == row.steps.filter { !$0.hasPrefix("store") })
                #expect(plan.settlement == settlement)
            }
        }
    }

    /// As in Celery what was revoked has none.
    @Test(arguments: rows) func whateverHasFailedHasATraceback(row: Row) throws {
        let results = planner.plan(after: try finished(row.ending, TaskRules())).stored
        for result in results where result.state != .retry {
            #expect((result.traceback != nil) == (result.state == .failure), "\(result.id)")
            #expect(result.traceback?.hasPrefix("Traceback (most recent call last):\n  Swift task ") != false)
        }
    }

    @Test(arguments: rows) func thePlanKnowsItsTaskIfSomethingIsSent(row: Row) throws {
        let plan = planner.plan(after: try finished(row.ending, Self.rules(acksLate: true)))
        #expect((plan.task != nil) == row.steps.contains { $0.hasPrefix("send") })
    }

    @Test func theChildrenOfASuccessAreWhatTheTaskHasSentAndWhatFollows() throws {
        let plan = planner.plan(after: try finished(.ran(.success(3)), TaskRules()))
        #expect(plan.stored.first?.children == .array(["child", "next", "b"].map { OutgoingStep.child($0) }))
    }

    @Test func whatCannotFollowIsAFailureAndSaid() throws {
        var finished = try finished(.ran(.success(3)), Self.rules(acksLate: true))
        var payload = TaskPayload()
        payload.callbacks = [SuccessorTests.signature("tasks.next", id: "next", options: ["eta": "tomorrow"])]
        finished.succession = try CanvasSuccession(payload)
        let plan = planner.plan(after: finished)
        #expect(plan.words == Self.afterFailure)
        #expect(plan.problems.map(\.kind) == [.failure])
    }

    @Test func manyErrbacksThatCannotBeMadeAreOneProblem() throws {
        let bad = SuccessorTests.signature("tasks.told", options: ["eta": "tomorrow"])
        let finished = try finished(
            .ran(.failure(Self.failure)), TaskRules(), errbacks: Array(repeating: bad, count: 1000))
        let plan = planner.plan(after: finished)
        #expect(plan.words == ["store first FAILURE", "store b FAILURE"])
        #expect(plan.problems.map(\.count) == [1000])
    }

    @Test func aRefusedMessageIsADeadLetterAndItsSenderIsTold() {
        let request = TaskRequest(task: "tasks.first", id: "first")
        let unregistered = UnregisteredTask(request, Message(body: []), queue: "celery", handlers: [:])
        let plan = planner.plan(after: .notRegistered(unregistered), hasBackend: true)
        #expect(plan.words == ["store first FAILURE"])
        #expect(plan.settlement == .deadLetter(reason: "unregistered task 'tasks.first'"))
        #expect(plan.settlementUnlessStored == plan.settlement)
        #expect(planner.plan(after: .notRegistered(unregistered), hasBackend: false).words == [])
        let unreadable = RefusedMessage.unreadable(MessageError(.undecodable, "no JSON"), nil)
        #expect(planner.plan(after: unreadable, hasBackend: true).words == [])
    }
}

extension FinishingPlan {
    /// All that is stored, in order.
    var stored: [TaskResult] {
        steps.flatMap { step -> [TaskResult] in
            if case .store(let results) = step { results.map(\.result) } else { [] }
        }
    }

    /// The steps but for the settlement, in words.
    var words: [String] {
        steps.flatMap { step -> [String] in
            switch step {
            case .send(let outgoing): ["send \(outgoing.role) \(outgoing.step.words)"]
            case .store(let results): results.map { "store \($0.result.id) \($0.result.state)" }
            case .report(let report): ["report \(report.part.id) \(report.part.state) to \(report.part.group)"]
            case .endChord(let ending): ["\(ending.hasFailed ? "fail" : "end") \(ending.claim.group)"]
            case .call(let errback): ["call \(errback.name)"]
            case .settle: []
            }
        }
    }
}

extension CanvasStep {
    fileprivate var words: String {
        switch self {
        case .message(let message, _): message.headers["id"]?.stringValue ?? "?"
        case .saveGroup(let tree): "saved group \(tree.id)"
        case .openChord(let opening): "open chord \(opening.group) of \(opening.size)"
        }
    }
}
