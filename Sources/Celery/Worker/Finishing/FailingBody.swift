internal import CeleryProtocol
internal import CeleryTransport

/// Collects what is to be done because the body of a chord will never run.
struct FailingBody {
    let planner: FinishingPlanner
    /// The task whose end has completed the chord.
    let request: TaskRequest
    let rules: TaskRules
    /// The right to see to the chord; `nil` where none is needed.
    let claim: ChordClaim?
    /// What it has sent so far: as in Celery these are the children of the body.
    var children: [JSONValue] = []
    private(set) var steps: [FinishingStep] = []
    private(set) var problem: FinishingProblem?

    /// How many places of messages to errbacks are taken.
    private var places = 0

    init(planner: FinishingPlanner, request: TaskRequest, rules: TaskRules, claim: ChordClaim?) {
        self.planner = planner
        self.request = request
        self.rules = rules
        self.claim = claim
    }

    /// A part of the body fails: its errbacks are told, then its tasks have failed.
    ///
    /// Their messages are marked: whoever takes over the chord of a worker that dies tells them again. Errbacks of this worker
    /// are called then as well, as nobody knows how far the first call has come.
    ///
    /// To the body of a chord within a header Celery links the errbacks of the chord around it as well. They are left to
    /// the body of that one, which fails too: else they would be told twice.
    mutating func fail(_ signature: JSONValue, _ failure: TaskFailure, errbacks: [JSONValue]) {
        let tasks = AbandonedTask.tasks(of: [signature])
        if let result = tasks.last {
            var failed = TaskRequest(task: result.task, id: result.id)
            failed.replyTo = result.replyTo ?? request.replyTo
            var distinct: [JSONValue] = []
            let left = rules.hasBackend ? tasks.flatMap { $0.chord?.objectValue?.errbacksOfResult ?? [] } : []
            for errback in errbacks where !distinct.contains(errback) && !left.contains(errback) {
                distinct.append(errback)
            }
            let told = planner.errbacks(distinct, of: failed, failure) { [claim, taken = places] expansion in
                guard let claim else { return expansion }
                places += expansion.steps.count
                return expansion.marked(as: claim) { -1 - taken - $0 }
            }
            steps += told.steps
            children += told.children
            if let problem = told.problem { note(problem) }
        }
        store(tasks.map(\.withoutPlace), failure, children: children)
        steps += planner.reports(of: tasks, .failure, failure, rules)
    }

    /// The tasks that were to follow the body fail too.
    mutating func abandon(_ chain: [JSONValue], _ failure: TaskFailure) {
        let tasks = AbandonedTask.tasks(of: chain)
        store(tasks, failure, children: [])
        steps += planner.reports(of: tasks, .failure, failure, rules)
    }

    /// Stores the failure of a group by its id.
    mutating func store(_ id: String, _ failure: TaskFailure) {
        let result = TaskResult(
            id: id, state: .failure, result: failure.json, traceback: failure.traceback, children: .array(children),
            dateDone: planner.now)
        steps.append(.store([StoredResult(result, route: ReplyRoute(replyTo: request.replyTo, correlationID: id))]))
    }

    private mutating func store(_ tasks: [AbandonedTask], _ failure: TaskFailure, children: [JSONValue]) {
        let results = tasks.compactMap {
            planner.result(of: $0, .failure, failure, after: request, children: children)
        }
        if !results.isEmpty { steps.append(.store(results)) }
    }

    private mutating func note(_ problem: FinishingProblem) {
        guard self.problem != nil else { return self.problem = problem }
        self.problem?.count += problem.count
    }
}

extension AbandonedTask {
    /// The same as Celery stores the failure of a body: it does not say of which group it is, and who was to send it.
    fileprivate var withoutPlace: AbandonedTask {
        var task = self
        task.group = nil
        task.parentID = nil
        return task
    }
}
