public import CeleryProtocol

/// What a chord's header has come to.
public enum ChordResults: Sendable, Hashable {
    /// All tasks have succeeded: the values in order, lists within where the header's tasks were groups. This list is the
    /// body's argument.
    case values([JSONValue])
    /// A task has failed or was revoked: the first one in order, and whether the header was joined along a saved tree, of
    /// which Celery's error speaks otherwise.
    case failed(ChordMember, isNested: Bool)

    /// The `ChordError` that the body fails with, in Celery's words; `nil` when all tasks have succeeded. Where a header is
    /// joined along a saved tree and the task has failed with a `ChordError` itself, as a chord within, it is that one.
    public var error: TaskFailure? {
        guard case .failed(let member, let isNested) = self else { return nil }
        let failure = member.failure ?? TaskFailure(json: member.result, traceback: nil)
        if isNested, failure.type == "ChordError", failure.module == "celery.exceptions" { return failure }
        return TaskFailure(
            type: "ChordError", module: "celery.exceptions",
            message: isNested ? "Join error: \(failure.repr)" : "Dependency \(member.id) raised \(failure.repr)")
    }
}
